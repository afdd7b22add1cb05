"""From the time-series store to the hours of one meter: which samples are needed, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cloud.ledger.base_units import ENERGIES, scale, to_base
from cloud.ledger.counters import Event, Provenance, Rules, hours
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import Recorded, load_recorded
from cloud.ledger.timed import Series, counter_samples
from cloud.registry import tables
from cloud.registry.clocks import Offset, load_offsets
from cloud.telemetry.base import Sample, Telemetry
from contract.point import POINTS
from contract.site import Site
from contract.yamlfile import ConfigError

LEAST_MEASURED_GAP = HOUR_MS + 60_000
"""History is kept by the hour, and a sample may be late by a minute; such hours are measured."""
JOINED_WITHIN = 7 * DAY_MS
"""Touched hours nearer than this are read and counted as one range: cheaper than asking the store twice."""

Parts = dict[tuple[int, Provenance], int]
"""Base units by hour (ms) and provenance."""


@dataclass(frozen=True, slots=True)
class Counter:
    """A meter's counter in the time-series store."""

    group: str
    device_class: str
    device: str
    point: str
    unit: str
    rules: Rules
    offsets: tuple[Offset, ...] = ()
    """Through which its samples' times are read."""


@dataclass(frozen=True, slots=True)
class Known:
    """A meter as the registry has it; without a counter it is fed by hand."""

    id: str
    group: str
    energy: str
    counter: Counter | None


@dataclass(slots=True)
class Counted:
    """What was counted anew of one meter.

    Attributes:
        ranges: First and last hour (ms, both included) of what is replaced; they may overlap.
        parts: All parts of these hours.
        events: What the counter did beside counting, by kind and time.
        unusable: Samples that do not fit the ledger, by time, and why; nothing is counted from them.
    """

    ranges: list[tuple[int, int]] = field(default_factory=list)
    parts: Parts = field(default_factory=dict)
    events: dict[tuple[str, int], Event] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)

    def replaces(self, hour: int) -> bool:
        """Whether an hour is counted anew."""
        return any(first <= hour <= last for first, last in self.ranges)


def load_meters(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Known]:
    """The meters of these ids that the registry has."""
    meter, device = tables.meter.c, tables.device.c
    joined = tables.meter.outerjoin(tables.device, sa.and_(device.grp == meter.grp, device.id == meter.device))
    wanted = (meter.id, meter.grp, meter.energy, meter.device, meter.point, meter.modulus, meter.max_rate, device["class"], device.interval)
    rows = connection.execute(sa.select(*wanted).select_from(joined).where(meter.id.in_(list(ids)))).mappings().all()
    recorded = load_recorded(connection, [row["id"] for row in rows])
    groups = {row["grp"] for row in rows}
    clocks = {group: load_offsets(connection, group, [row["device"] for row in rows if row["grp"] == group]) for group in groups}
    found = {}
    for row in rows:
        counter = _counter(row, recorded[row["id"]], clocks[row["grp"]].get(row["device"], ()))
        found[row["id"]] = Known(row["id"], row["grp"], row["energy"], counter)
    return found


def check_meters(site: Site) -> None:
    """Refuse a site with a meter that would never be counted.

    Raises:
        ConfigError: Which meter, and what its energy is counted in.
    """
    for meter in site.meters:
        if meter.device is not None and meter.point in POINTS:
            try:
                scale(meter.energy, POINTS[meter.point].unit.value)
            except ValueError as error:
                raise ConfigError(f"{site.id}: meters: {meter.id}: point: {error}") from error


def _counter(row: sa.RowMapping, recorded: Recorded, offsets: tuple[Offset, ...]) -> Counter | None:
    """The counter of a meter; None if it has none, or the ledger cannot count that point as this energy."""
    point: Any = POINTS.get(row["point"] or "")
    if row["device"] is None or row["class"] is None or point is None:
        return None
    unit = point.unit.value
    if row["energy"] not in ENERGIES or unit not in ENERGIES[row["energy"]].scales:
        return None
    gap = max(int(2000 * (row["interval"] or 0)), LEAST_MEASURED_GAP)
    modulus, max_rate = (None if row[name] is None else to_base(row[name], row["energy"], unit) for name in ("modulus", "max_rate"))
    rules = Rules(gap, modulus, max_rate, recorded.profiles, recorded.exchanges)
    return Counter(row["grp"], row["class"], row["device"], row["point"], unit, rules, offsets)


def count(meter: Known, telemetry: Telemetry, touched: Sequence[int]) -> Counted:
    """Count the touched hours of a meter anew, and with them all hours that share an interval with them.

    A late sample cuts the interval it falls into, so the hours up to its neighbours change as well.

    Args:
        meter: Fed by hand, it has nothing to count.
        telemetry: Where its samples are.
        touched: Begins of hours, ascending, ms.

    Raises:
        StoreDown: The samples cannot be read.
    """
    found = Counted()
    for start, end in _ranges(touched):
        if meter.counter is None:
            found.ranges.append((start, end - HOUR_MS))
        else:
            _count_range(meter.energy, meter.counter, telemetry, start, end, found)
    return found


def _ranges(touched: Sequence[int]) -> list[tuple[int, int]]:
    """Spans [start, end) that hold all touched hours."""
    spans: list[tuple[int, int]] = []
    for hour in touched:
        if spans and hour - spans[-1][1] <= JOINED_WITHIN:
            spans[-1] = (spans[-1][0], hour + HOUR_MS)
        else:
            spans.append((hour, hour + HOUR_MS))
    return spans


def _count_range(energy: str, counter: Counter, telemetry: Telemetry, start: int, end: int, found: Counted) -> None:
    samples = _samples(counter, telemetry, start, end)
    first, last = start, end - HOUR_MS
    if samples and samples[0][0] < start:
        first = samples[0][0] // HOUR_MS * HOUR_MS
        samples = sorted({*_samples(counter, telemetry, first, samples[0][0]), *samples})
    if samples and samples[-1][0] >= end:
        last = max(last, (samples[-1][0] - 1) // HOUR_MS * HOUR_MS)
        samples = sorted({*samples, *_samples(counter, telemetry, samples[-1][0], last + HOUR_MS)})
    whole = hours(_in_base_units(samples, energy, counter.unit, found), first, last, counter.rules)
    found.ranges.append((first, last))
    found.parts.update(((hour, provenance), amount) for hour, amount, provenance in whole.parts)
    found.events.update(((event.kind.value, event.at), event) for event in whole.events)


def _samples(counter: Counter, telemetry: Telemetry, start: int, end: int) -> list[Sample]:
    series = Series(counter.group, counter.device_class, counter.device, counter.point)
    return counter_samples(telemetry, series, start, end, counter.offsets)


def _in_base_units(samples: Sequence[Sample], energy: str, unit: str, found: Counted) -> list[tuple[int, int]]:
    scale(energy, unit)  # an energy that is not counted in this unit is an error; a single value below is not
    usable = []
    for at, value in samples:
        try:
            usable.append((at, to_base(value, energy, unit)))
        except ValueError as error:
            found.unusable[at] = str(error)
    return usable
