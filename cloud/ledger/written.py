"""The ledger written back to the time-series store, so that every panel shows what the report says.

`ledger_hour` and `ledger_day` have the tags `meter` and `energy`, the field `value` in the factor's unit (kWh, m3, L, kg, MJ)
and a field for each provenance with its share (0 to 1). An hour or a day that the ledger no longer has is deleted; a 0 in
its place would say that nothing was used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterator

import structlog

from cloud.ledger.base_units import energy_of
from cloud.ledger.counted import Parts
from cloud.ledger.counters import Provenance, shares
from cloud.ledger.known_meters import Known
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.telemetry.base import Figures, Telemetry
from contract.clock import iso

log = structlog.get_logger()
HOUR_FIGURES = "ledger_hour"
DAY_FIGURES = "ledger_day"
_Amounts = dict[Provenance, int]
_TEXT = {provenance: provenance.value for provenance in Provenance}


def write_back(telemetry: Telemetry, meter: Known, parts: Parts, known_hours: Collection[int], changed: Container[int]) -> None:
    """Write the hours that changed and the days they lie in, and delete those of which nothing is known any more.

    Args:
        telemetry: Where to.
        meter: Whose figures.
        parts: All parts of every day that has a changed hour.
        known_hours: Hours that had figures before. Others write only the shares they have: history is long, and a field
            that was never written needs no 0. One without a part has no figure now: what was written goes.
        changed: Hours to write.

    Raises:
        StoreDown: Write all again.
    """
    hours: defaultdict[int, _Amounts] = defaultdict(dict)
    days: defaultdict[int, _Amounts] = defaultdict(dict)
    day = 0
    for (hour, provenance), amount in parts.items():
        hours[hour][provenance] = amount
        if not day <= hour < day + DAY_MS:  # neighbours mostly share their day
            day = floor(hour, "day")
        of_day = days[day]
        of_day[provenance] = of_day.get(provenance, 0) + amount
    written = ((hour, amounts, hour in known_hours) for hour, amounts in hours.items() if hour in changed)
    telemetry.write_figures(HOUR_FIGURES, _figures(meter, written))
    telemetry.write_figures(DAY_FIGURES, _figures(meter, ((day, amounts, True) for day, amounts in days.items())))
    gone = {hour for hour in known_hours if hour not in hours}
    _forget(telemetry, meter, HOUR_FIGURES, gone, HOUR_MS)
    _forget(telemetry, meter, DAY_FIGURES, {floor(hour, "day") for hour in gone} - days.keys(), DAY_MS)


def _forget(telemetry: Telemetry, meter: Known, measurement: str, starts: Collection[int], length: int) -> None:
    """Delete figures by the begin of their periods, neighbours at once."""
    runs: list[tuple[int, int]] = []
    for start in sorted(starts):
        if runs and runs[-1][1] == start:
            runs[-1] = (runs[-1][0], start + length)
        else:
            runs.append((start, start + length))
    for first, end in runs:
        if not telemetry.forget_figures(measurement, _tags(meter), first, end):
            log.warning("figures stay that the ledger has no more", figures=measurement, meter=meter.id, start=iso(first), end=iso(end))


def _tags(meter: Known) -> dict[str, str]:
    return {"meter": meter.id, "energy": meter.energy}


def _figures(meter: Known, periods: Iterator[tuple[int, _Amounts, bool]]) -> Iterator[Figures]:
    tags = _tags(meter)
    per_unit = int(energy_of(meter.energy).per_factor_unit)
    for start, amounts, every_share in periods:
        fields = {"value": sum(amounts.values()) / per_unit}  # of two whole numbers: rounded once, as Decimal would be
        if every_share or len(amounts) > 1:
            fields.update({name: share for name, share in shares(amounts).items() if share or every_share})
        elif fields["value"]:
            fields[_TEXT[next(iter(amounts))]] = 1.0
        yield Figures(tags, fields, start)
