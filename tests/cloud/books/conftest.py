from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from cloud.ledger.periods import HOUR_MS
from cloud.registry import tables
from cloud.registry.database import writing
from cloud.registry.entering import By, enter_site
from cloud.telemetry.base import Line, Polled
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.site import Site

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
        touched = {(meter, at // HOUR_MS * HOUR_MS) for at in samples}
        store(Batch(lines=lines, touched=touched), self.engine, self.telemetry)

    def settle(self) -> int:
        """Settle all there is."""
        return book.settle(self.engine, self.telemetry, LIMIT)

    def parts(self, meter: str) -> list[tuple[int, str, int]]:
        """The ledger of a meter: hour, provenance, base units."""
        columns = (tables.ledger_hour.c.hour, tables.ledger_hour.c.provenance, tables.ledger_hour.c.amount)
        return self.rows(sa.select(*columns).where(tables.ledger_hour.c.meter == meter).order_by(*columns[:2]))

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
        store(Batch(touched={(meter, hour) for hour in hours}), self.engine, self.telemetry)

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


@pytest.fixture
def books(database: sa.Engine, tmp_path: Path) -> Iterator[Books]:
    site = Site.model_validate(site_data())
    enter_site(database, site, By("test", 0, date(2020, 1, 1)))
    seed_factors(database)
    telemetry = SqliteTelemetry(tmp_path / "telemetry.db")
    yield Books(database, telemetry, site)
    telemetry.close()
