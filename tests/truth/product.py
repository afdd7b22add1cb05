"""The product, driven as it is used: a site entered, samples stored, records made, hours settled, figures read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from cloud.indicators.figures import seed_factors, targets_of
from cloud.indicators.model import Targets
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book, findings
from cloud.ledger.clock_offsets import Recorded, record_offset
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import local_date
from cloud.ledger.recorded import RecordError
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Line, Polled, Stored
from cloud.telemetry.open import open_telemetry
from contract.reading import Quality, Reading
from contract.site import Site
from tests.cloud import tables, unsynced
from tests.cloud.district import GROUP, key
from tests.truth import site as files
from tests.truth.delivery import Piece
from tests.truth.kinds import START
from tests.truth.loads import HOUR, text
from tests.truth.meters import Meter, Record, Shifted

LIMIT = 100_000
Parts = dict[int, dict[str, float]]
"""What each hour has, by provenance, in the factor's unit."""


@dataclass(frozen=True)
class Finding:
    """A question that the ledger asks somebody."""

    meter: str
    kind: str
    start: int
    end: int
    state: str


@dataclass(frozen=True)
class Event:
    """Something that the ledger found by itself."""

    meter: str
    kind: str
    at: int


@dataclass
class Product:
    """A cloud on stores of its own in a folder.

    Attributes:
        meters: What it counts.
        refusals: What was refused to be recorded, by meter.
        wrong: What was recorded though it must be refused, or refused though it is right.
    """

    folder: Path
    meters: Sequence[Meter]
    telemetry_url: str = ""
    refusals: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Enter the site."""
        self.engine = unsynced.registry(self.folder / "registry.db")
        migrate(self.engine)
        self.telemetry = open_telemetry(self.telemetry_url) if self.telemetry_url else unsynced.telemetry(self.folder / "telemetry.db")
        self.enter(START)
        seed_factors(self.engine)

    def close(self) -> None:
        """Close both stores."""
        self.telemetry.close()
        self.engine.dispose()

    def enter(self, at: int) -> None:
        """Enter the site as its files say it at a moment."""
        site = Site.model_validate(files.content(self.meters, at))
        enter_site(self.engine, site, By("truth", at, local_date(at)))

    def take(self, pieces: Sequence[Piece]) -> None:
        """Store some pieces, as ingest does."""
        for piece in pieces:
            meter = self.meters[piece.meter]
            hours = {(key(meter.name), int(hour)) for hour in np.unique(piece.times // HOUR * HOUR)} if piece.good else set()
            store(Batch(lines=_lines(meter, piece), touched=hours), self.engine, self.telemetry)

    def settle(self) -> None:
        """Settle until nothing waits."""
        while book.settle(self.engine, self.telemetry, LIMIT) == LIMIT:
            pass

    def rebuild(self) -> None:
        """Touch every hour that the ledger has, and settle."""
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(tables.ledger_hour.c.meter, tables.ledger_hour.c.hour).distinct()).all()
        store(Batch(touched={(key(meter), hour) for meter, hour in found}), self.engine, self.telemetry)
        self.settle()

    def note(self, meter: Meter, known: Record | Shifted) -> None:
        """Record an exchange, or how far a clock was off, as somebody would."""
        if isinstance(known, Record):
            self._exchanged(meter, known)
            return
        ends = known.start + known.off, known.end + known.off
        row = Recorded(meter.name, *ends, known.off, known.off, whole=not known.suspect, why="a wrong clock")
        record_offset(self.engine, files.GROUP, row, "truth", known.noted)

    def _exchanged(self, meter: Meter, record: Record) -> None:
        last = meter.shown_at(record.happened) if record.absurd is None else record.absurd
        change = Change(key(meter.name), record.at, last, record.first, "exchanged")
        what = f"{meter.name}: exchange of {text(record.happened)}, recorded for {text(record.at)}, last {last}, first {record.first}"
        try:
            record_exchange(self.engine, change, "truth", record.noted)
        except RecordError as error:
            self.refusals[meter.name].append(str(error))
            if record.absurd is None:
                self.wrong.append(f"{what}: refused: {error}")
            return
        if record.absurd is not None:
            self.wrong.append(f"{what}: taken, and must be refused")

    def parts(self, meter: str) -> Parts:
        """The hours of a meter."""
        columns = tables.ledger_hour.c
        found: Parts = defaultdict(dict)
        with self.engine.connect() as connection:
            query = sa.select(columns.hour, columns.provenance, columns.amount).where(columns.meter == meter)
            for hour, provenance, amount in connection.execute(query):
                found[hour][provenance] = amount / 1000
        return dict(found)

    def months(self, meter: str, start: int, end: int) -> list[book.Consumption]:
        """What the interface says of a meter's months."""
        return book.consumption(self.engine, key(meter), start, end, "month")

    def targets(self, year: int, now: int) -> list[Targets]:
        """The targets of every scope at a moment."""
        compounds = sorted({files.compound_of(n) for n in range(len(self.meters))})
        units = sorted(set(files.units_of(self.meters).values()))
        scopes = ["district", *(f"compound:{c}" for c in compounds), *(f"unit:{u}" for u in units)]
        return [targets_of(self.engine, GROUP, year, scope, now) for scope in scopes]

    def events(self) -> list[Event]:
        """What the ledger found by itself."""
        columns = tables.event.c
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(columns.subject, columns.kind, columns.at).order_by(columns.at)).all()
        return [Event(*row) for row in rows]

    def findings(self) -> list[Finding]:
        """What it asks."""
        with self.engine.connect() as connection:
            return [Finding(f.meter, str(f.kind), f.start, f.end, str(f.state)) for f in findings.listed(connection, files.GROUP)]


def _lines(meter: Meter, piece: Piece) -> list[Line]:
    point, device_class = files.POINTS[meter.energy], files.CLASSES[meter.energy]
    gauge, factor = files.GAUGES[meter.energy]
    times, values = piece.times.tolist(), piece.values.tolist()
    if not piece.good:
        return [
            Stored(files.GROUP, device_class, Reading(meter.name, point, value, at, Quality.SUSPECT, "clock"))
            for at, value in zip(times, values, strict=True)
        ]
    if piece.rates is None:
        return [Polled(files.GROUP, device_class, meter.name, at, {point: v}) for at, v in zip(times, values, strict=True)]
    rates = (piece.rates * factor).tolist()
    return [
        Polled(files.GROUP, device_class, meter.name, at, {point: value, gauge: rate})
        for at, value, rate in zip(times, values, rates, strict=True)
    ]
