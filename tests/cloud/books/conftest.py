from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.indicators.figures import seed_factors
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book
from cloud.ledger.findings import Finding, listed
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Line, Polled
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.site import Site
from tests.cloud import tables, unsynced
from tests.cloud.district import key

LIMIT = 100_000


def named(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def metered(meter: str, energy: str, compound: str, units: Sequence[str], **more: object) -> dict[str, Any]:
    point = "energy_import" if energy == "electricity" else "volume"
    row = {"id": meter, "name": named(meter), "energy": energy, "device": meter, "point": point, "main": True}
    return row | {"compound": compound, "units": list(units)} | more


def site_data() -> dict[str, Any]:
    """Two compounds with three units; a sub-meter, a meter of two units, one of a single unit, fuel fed by hand."""
    profiles = {"power": "electricity/chint-dtsu666", "lights": "electricity/chint-dtsu666", "far": "electricity/chint-dtsu666"}
    profiles |= {"gas": "gas/jieyue-gas-meter", "water": "water/kaifeng-xintai"}
    people = {"a": ("c1", 70, 3000.5), "b": ("c1", 30, 1000), "c": ("c2", 50, 2000)}
    return {
        "id": "small",
        "name": named("small"),
        "group": "510802",
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": c, "name": named(c), "buildings": []} for c in ("c1", "c2")],
        "units": [{"id": u, "name": named(u), "compound": c, "headcount": n, "area": m2} for u, (c, n, m2) in people.items()],
        "gateways": [{"id": "gw"}],
        "buses": [{"id": "bus", "gateway": "gw", "protocol": "modbus"}],
        "devices": [
            {"id": d, "name": named(d), "profile": p, "bus": "bus", "unit_id": n, "interval": 900 if d == "far" else None}
            for n, (d, p) in enumerate(profiles.items(), 1)
        ],
        "meters": [
            metered("power", "electricity", "c1", "ab", modulus=1_000_000.0),
            metered("lights", "electricity", "c1", "a", main=False, parent="power"),
            metered("far", "electricity", "c2", "c"),
            metered("gas", "natural_gas", "c1", "ab"),
            metered("water", "water", "c1", "ab"),
            {"id": "cars", "name": named("cars"), "energy": "petrol", "main": True, "vehicle_fuel": True, "compound": "c1", "units": ["a"]},
        ],
    }


def alike(number: int) -> Site:
    """The small site with so many electricity meters in place of its own."""
    names = [f"m{index:03}" for index in range(number)]
    device = {"name": named("d"), "profile": "electricity/chint-dtsu666", "bus": "bus"}
    devices = [device | {"id": name, "unit_id": index} for index, name in enumerate(names, 1)]
    return Site.model_validate(site_data() | {"devices": devices, "meters": [metered(name, "electricity", "c1", "a") for name in names]})


@dataclass(frozen=True)
class Books:
    """A small site on real stores; readings come in as ingest commits them."""

    engine: sa.Engine
    telemetry: SqliteTelemetry
    site: Site

    def read(self, meter: str, samples: Mapping[int, float]) -> None:
        """Commit counter readings of a meter's device, by time."""
        device = self.site.device_by_id[meter]
        point = next(m.point for m in self.site.meters if m.id == meter) or ""
        lines: list[Line] = [Polled(self.site.group, device.model.device_class, meter, at, {point: v}) for at, v in samples.items()]
        touched = {(key(meter), at // HOUR_MS * HOUR_MS) for at in samples}
        store(Batch(lines=lines, touched=touched), self.engine, self.telemetry)

    def settle(self) -> int:
        """Settle all there is."""
        return book.settle(self.engine, self.telemetry, LIMIT)

    def parts(self, meter: str) -> list[tuple[int, str, int]]:
        """The ledger of a meter: hour, provenance, base units."""
        columns = (tables.ledger_hour.c.hour, tables.ledger_hour.c.provenance, tables.ledger_hour.c.amount)
        return self.rows(sa.select(*columns).where(tables.ledger_hour.c.meter == meter).order_by(*columns[:2]))

    def total(self, meter: str) -> int:
        """All that the ledger of a meter holds, base units."""
        return sum(amount for _, _, amount in self.parts(meter))

    def findings(self, now: int | None = None) -> list[Finding]:
        """What the ledger asks of the site."""
        with self.engine.connect() as connection:
            return listed(connection, self.site.group, now)

    def limit(self, meter: str, rate: float) -> None:
        """Enter the most that a meter's branch can carry in an hour."""
        with writing(self.engine).begin() as connection:
            connection.execute(sa.update(tables.meter).where(tables.meter.c.id == meter).values(max_rate=rate))

    def whole(self, meter: str) -> list[list[Any]]:
        """All that the ledger holds of a meter: hours with their levels, judgements and events."""
        hour, judged, event = tables.ledger_hour, tables.judgement, tables.event
        queries = [
            sa.select(hour).where(hour.c.meter == meter).order_by(hour.c.hour, hour.c.provenance),
            sa.select(judged).where(judged.c.meter == meter).order_by(judged.c.since, judged.c.kind),
            sa.select(event.c.kind, event.c.at, event.c.detail).where(event.c.subject == meter).order_by(event.c.at, event.c.kind),
        ]
        return [self.rows(query) for query in queries]

    def empty(self) -> None:
        """Back to readings that nobody counted."""
        with writing(self.engine).begin() as connection:
            for table in (tables.ledger_hour, tables.touched, tables.event, tables.judgement):
                connection.execute(sa.delete(table))

    def built_anew(self, meter: str, samples: Mapping[int, float]) -> list[list[Any]]:
        """What `whole` says after the ledger was emptied and all readings came at once."""
        self.empty()
        self.read(meter, samples)
        self.settle()
        return self.whole(meter)

    def touch(self, meter: str, hours: Iterable[int]) -> None:
        """Let hours be counted anew."""
        store(Batch(touched={(key(meter), hour) for hour in hours}), self.engine, self.telemetry)

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """All rows of a query, as tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def figures(self, measurement: str, tag: str, at: int) -> dict[str, float]:
        """What was written back: fields by name, of the tags that hold a text."""
        rows = self.telemetry._read(
            "SELECT field, value FROM figure WHERE measurement = ? AND ts = ? AND tags LIKE ?", (measurement, at, tag)
        )
        return dict(rows)


Begin = Callable[[Books], None]
"""Reads, enters and settles what several tests begin with."""
Origin = tuple[str, Path]
"""The registry, as `open_registry` copies it, and the file of telemetry."""


@pytest.fixture
def books_of(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[int], Books]]:
    """Makes the books of a site with so many meters of one kind, in SQLite."""
    made: list[Books] = []

    def of(number: int) -> Books:
        folder = tmp_path / f"of{number}"
        folder.mkdir()
        engine, site = unsynced.registry(Path(shutil.copy(sqlite_template, folder / "registry.db"))), alike(number)
        enter_site(engine, site, By("test", 0, date(2020, 1, 1)))
        made.append(Books(engine, unsynced.telemetry(folder / "telemetry.db"), site))
        return made[-1]

    yield of
    for one in made:
        one.telemetry.close()
        one.engine.dispose()


def entered(database: sa.Engine, telemetry: SqliteTelemetry) -> Books:
    """The books of the small site, nothing read yet."""
    site = Site.model_validate(site_data())
    enter_site(database, site, By("test", 0, date(2020, 1, 1)))
    seed_factors(database)
    return Books(database, telemetry, site)


@pytest.fixture
def books(database: sa.Engine, tmp_path: Path) -> Iterator[Books]:
    telemetry = unsynced.telemetry(tmp_path / "telemetry.db")
    yield entered(database, telemetry)
    telemetry.close()


@pytest.fixture(scope="session")
def _begun() -> dict[tuple[Begin, str], Origin]:
    """By how books begin and the kind of their database: where both stores are, as they were when they had begun."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def books_begun(
    request: pytest.FixtureRequest,
    _begun: dict[tuple[Begin, str], tuple[str, Path]],
    open_registry: Callable[..., sa.Engine],
    tmp_path: Path,
) -> Iterator[Callable[[Begin], Books]]:
    """Makes books that have begun in a way, in each database in turn; that is done once, and each test has a copy of its own."""
    opened: list[SqliteTelemetry] = []

    def begun(begin: Begin) -> Books:
        key = (begin, request.param)
        if key not in _begun:
            first = entered(open_registry(request.param, kept=True), unsynced.telemetry(tmp_path / "first.db"))
            begin(first)
            first.telemetry.close()
            first.engine.dispose()
            _begun[key] = (str(first.engine.url.database), tmp_path / "first.db")
        registry, telemetry = _begun[key]
        opened.append(unsynced.telemetry(Path(shutil.copy(telemetry, tmp_path / "telemetry.db"))))
        return Books(open_registry(request.param, registry), opened[-1], Site.model_validate(site_data()))

    yield begun
    for telemetry in opened:
        telemetry.close()
