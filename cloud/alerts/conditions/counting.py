"""Meters: counters that stand still though something is used, water that never rests, days that were not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from cloud.alerts.observe import Duration, Memory, Needs, Observation, Parameters, condition
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from contract.fault import Fault, located
from contract.profile import decimal_scale
from contract.register import RegisterType
from contract.units import Unit

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import Newest, View
    from cloud.devices.model import Device
    from cloud.ledger.model import Meter

_RATES = {"energy_import": ("power", 1000.0), "volume": ("flow", 1.0)}
"""Of a counter: the point that says how fast it should count, and what that is divided by to be the counter's unit an hour."""
_FLOAT32_STEP = 2.0**-23


class Stuck(Parameters):
    """`steps`: so many of its smallest steps a counter should have counted, `least`: and so long it stood.

    `hole`: the longest time between two looks over which the rate is taken as constant.
    """

    steps: float = Field(gt=0, le=1000)
    least: Duration
    hole: Annotated[Duration, Field(gt=0)]


_PAIRS = tuple(frozenset({counter, rate}) for counter, (rate, _) in _RATES.items())


@condition("stuck", Stuck, needs=Needs(classes=True, beside=_PAIRS), reads=frozenset().union(*_PAIRS))
def stuck(rule: Rule, given: Stuck, view: View, memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A counter that stands while its own device says that something is used.

    A pause is no fault and neither is a coarse display: what should have been counted is added up from power or flow, and
    must be several of the counter's smallest steps.
    """
    for meter in view.meters.values():
        device = view.devices.get(meter.device or "")
        if device is None or device.device_class not in rule.classes or meter.point not in _RATES:
            continue
        counter, rate = view.good(device, meter.point), view.good(device, _RATES[meter.point][0])
        if counter is None or rate is None:
            yield Observation(meter.id, None)
        else:
            yield _standing(meter, device, counter, rate, given, view, memory.get(meter.id))


def _standing(meter: Meter, device: Device, counter: Newest, rate: Newest, given: Stuck, view: View, kept: Memory | None) -> Observation:
    begin = {"counter": counter.value, "since": counter.at, "at": counter.at, "expected": 0.0}
    if kept is None or kept["counter"] != counter.value:
        return Observation(meter.id, -1.0, memory=begin)
    passed = counter.at - kept["at"]
    hourly = max(rate.value, 0.0) / _RATES[meter.point or ""][1]
    expected = kept["expected"] + (hourly * passed / HOUR_MS if 0 < passed <= given.hole else 0.0)
    needed = given.steps * _smallest_step(view, device, meter.point or "", counter.value)
    stood = counter.at - kept["since"]
    over = expected - needed if stood >= given.least else -1.0
    memory = kept | {"at": max(counter.at, kept["at"]), "expected": expected}
    return Observation(meter.id, over, round(stood / 60_000, 1), round(given.least / 60_000, 1), memory=memory)


def _smallest_step(view: View, device: Device, point: str, value: float) -> float:
    """How finely a counter shows, in its unit: its register's step with the transformers, or what a float holds of its value."""
    placed = view.site.device_by_id.get(device.id)
    if placed is None:
        return 1.0
    mapped = placed.model.points[point]
    if mapped.type is RegisterType.FLOAT32:
        return abs(value) * _FLOAT32_STEP + 0.001
    numerator, divisor = decimal_scale(mapped, point, placed.ct, placed.pt)
    return numerator / divisor * mapped.smallest_step


class Night(Parameters):
    """When it is night, and what may flow then.

    `first` and `last`: local hours, `last` exclusive. `share` of a busy hour's use may flow, and `least` L/h in any case;
    a busy hour is one of the busiest tenth of the last `days`.
    """

    first: int = Field(ge=0, le=23)
    last: int = Field(ge=1, le=24)
    share: float = Field(gt=0, lt=1)
    least: float = Field(ge=0, le=1e6)
    days: int = Field(ge=7, le=31)

    @model_validator(mode="after")
    def _has_an_hour(self) -> Self:
        if self.last <= self.first:
            raise located([Fault(("last",), f"expected an hour after first ({self.first})", self.last)])
        return self


@condition("never_rests", Night, needs=Needs(unit=Unit.CUBIC_METRE))
def never_rests(_rule: Rule, given: Night, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """The quietest hour of the last whole night against a busy hour of the last days; both as the ledger measured them.

    The last `days` always hold working days, also after the longest holiday.
    """
    begin = floor(view.now, "day") + given.first * HOUR_MS
    end = begin + (given.last - given.first) * HOUR_MS
    if end + HOUR_MS > view.now:  # the ledger needs the first sample after the hour
        begin, end = begin - DAY_MS, end - DAY_MS
    watched = [meter.id for meter in view.meters.values() if meter.energy == "water" and meter.device]
    hourly = view.hourly(watched, begin - given.days * DAY_MS, end)
    for meter in watched:
        measured = {hour: parts[Provenance.MEASURED] for hour, parts in hourly.get(meter, {}).items() if Provenance.MEASURED in parts}
        night = [measured[hour] for hour in range(begin, end, HOUR_MS) if hour in measured]
        if len(night) * HOUR_MS < end - begin or len(measured) < DAY_MS // HOUR_MS:
            yield Observation(meter, None)
            continue
        busy = sorted(measured.values())[len(measured) * 9 // 10]
        limit = max(given.share * busy, given.least)
        yield Observation(meter, (min(night) - limit) / 1000, min(night) / 1000, round(limit / 1000, 3))


class Share(Parameters):
    """The least part of a day's figure that must be measured, 0 to 1."""

    least: float = Field(gt=0, le=1)


@condition("measured_share", Share, needs=Needs(unit=Unit.PERCENT))
def measured_share(_rule: Rule, given: Share, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """Of each main meter: which part of the last whole day was measured; an hour of which nothing is known was not."""
    end = floor(view.now - HOUR_MS, "day")
    begin = end - DAY_MS
    watched = [meter.id for meter in view.meters.values() if meter.main and meter.device]
    hourly = view.hourly(watched, begin - DAY_MS, end)
    for meter in watched:
        of_day = {hour: parts for hour, parts in hourly.get(meter, {}).items() if hour >= begin}
        if not any(hour < begin for hour in hourly.get(meter, {})):
            yield Observation(meter, None)  # it began within the day, or has been silent for longer, which has its own rule
            continue
        total = sum(sum(parts.values()) for parts in of_day.values())
        measured = sum(parts.get(Provenance.MEASURED, 0) for parts in of_day.values())
        share = (measured / total if total else 1.0) * len(of_day) * HOUR_MS / DAY_MS
        yield Observation(meter, (given.least - share) * 100, round(share * 100, 1), round(given.least * 100, 1))
