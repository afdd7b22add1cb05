"""The ledger written back to the time-series store, so that every panel shows what the report says.

`ledger_hour` and `ledger_day` have the tags `meter` and `energy`, and `group` where the district was not the first one here; the field
`value` in the factor's unit (kWh, m3, L, kg, MJ), and a field for each provenance with its share (0 to 1). An hour or a day that the
ledger no longer has is deleted; a 0 in its place would say that nothing was used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import structlog

from cloud.ledger.base_units import energy_of
from cloud.ledger.counters import Parts, Provenance, shares
from cloud.ledger.known_meters import Known
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.telemetry.base import Figures, FiguresError, Telemetry
from contract.clock import iso
from contract.logs import Seldom

log = structlog.get_logger()
_REFUSED = Seldom(60.0)
"""Of figures that the store will not take: the same reason is told once a minute."""
HOUR_FIGURES = "ledger_hour"
DAY_FIGURES = "ledger_day"
_Amounts = dict[Provenance, int]
_TEXT = {provenance: provenance.value for provenance in Provenance}


class Change(NamedTuple):
    """The figures of one meter that change.

    Attributes:
        meter: Whose figures.
        published_as: What the tag `group` says; empty for none.
        parts: All parts of every day that has a changed hour.
        known_hours: Hours that had figures before. Others write only the shares they have: history is long, and a field
            that was never written needs no 0. One without a part has no figure now: what was written goes.
        changed: Hours to write.
    """

    meter: Known
    published_as: str
    parts: Parts
    known_hours: Collection[int]
    changed: Container[int]


def write_back(telemetry: Telemetry, changes: Sequence[Change]) -> None:
    """Write the hours that changed and the days they lie in, and delete those of which nothing is known any more.

    Args:
        telemetry: Where to.
        changes: One a meter; those of all meters are one call of the store, since each waits for its disk.

    Figures that the store refuses are told and are missing in panels alone: the ledger, which reports and targets read, goes on.

    Raises:
        StoreDown: Write all again.
    """
    cut = [(change, *_cut(change.parts)) for change in changes]
    _write(telemetry, HOUR_FIGURES, chain.from_iterable(_hours(change, hours) for change, hours, _ in cut))
    _write(telemetry, DAY_FIGURES, chain.from_iterable(_figures(change, _whole(days)) for change, _, days in cut))
    for change, hours, days in cut:
        gone = {hour for hour in change.known_hours if hour not in hours}
        _forget(telemetry, change, HOUR_FIGURES, gone, HOUR_MS)
        _forget(telemetry, change, DAY_FIGURES, {floor(hour, "day") for hour in gone} - days.keys(), DAY_MS)


def _write(telemetry: Telemetry, measurement: str, rows: Iterable[Figures]) -> None:
    try:
        telemetry.write_figures(measurement, rows)
    except FiguresError as error:
        if _REFUSED.news(str(error)):
            log.error("figures are refused", figures=measurement, reason=str(error))  # noqa: TRY400 (one line tells it)


def _cut(parts: Parts) -> tuple[dict[int, _Amounts], dict[int, _Amounts]]:
    """The parts by begin of their hour, and of their day."""
    hours: defaultdict[int, _Amounts] = defaultdict(dict)
    days: defaultdict[int, _Amounts] = defaultdict(dict)
    day = 0
    for (hour, provenance), amount in parts.items():
        hours[hour][provenance] = amount
        if not day <= hour < day + DAY_MS:  # neighbours mostly share their day
            day = floor(hour, "day")
        of_day = days[day]
        of_day[provenance] = of_day.get(provenance, 0) + amount
    return hours, days


def _hours(change: Change, hours: Mapping[int, _Amounts]) -> Iterator[Figures]:
    written = ((hour, amounts, hour in change.known_hours) for hour, amounts in hours.items() if hour in change.changed)
    return _figures(change, written)


def _whole(days: Mapping[int, _Amounts]) -> Iterator[tuple[int, _Amounts, bool]]:
    return ((day, amounts, True) for day, amounts in days.items())


def _forget(telemetry: Telemetry, change: Change, measurement: str, starts: Collection[int], length: int) -> None:
    """Delete figures by the begin of their periods, neighbours at once."""
    runs: list[tuple[int, int]] = []
    for start in sorted(starts):
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + length)
        else:
            runs.append((start, start + length))
    for first, end in runs:
        if not telemetry.forget_figures(measurement, _tags(change), first, end):
            log.warning(
                "figures stay that the ledger has no more", figures=measurement, meter=change.meter.id, start=iso(first), end=iso(end)
            )


def _tags(change: Change) -> dict[str, str]:
    return {"meter": change.meter.id, "energy": change.meter.energy, "group": change.published_as}


def _figures(change: Change, periods: Iterator[tuple[int, _Amounts, bool]]) -> Iterator[Figures]:
    tags = _tags(change)
    per_unit = int(energy_of(change.meter.energy).per_factor_unit)
    for start, amounts, every_share in periods:
        fields = {"value": sum(amounts.values()) / per_unit}  # of two whole numbers: rounded once, as Decimal would be
        if every_share or len(amounts) > 1:
            fields.update({name: share for name, share in shares(amounts).items() if share or every_share})
        elif fields["value"]:
            fields[_TEXT[next(iter(amounts))]] = 1.0
        yield Figures(tags, fields, start)
