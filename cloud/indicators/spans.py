"""Which spans two years are compared over: as far as both have figures, at the finest grain both have.

Fuel and bills come by the month. An indicator that counts a meter fed that way ends, on both sides, with the last month
entered without a hole since January; counting on would set a year without its fuel against one with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloud.indicators.model import Grain
from cloud.ledger import periods
from contract.clock import iso
from contract.coded import Message

MONTHS = 12
Month = tuple[int, int]
"""Year and month."""


@dataclass(frozen=True, slots=True)
class CountedMeter:
    """A main meter of a scope and how far its figures reach.

    Attributes:
        id: Its id.
        energy: `water` or a name of the factor table.
        vehicle_fuel: Fuel of cars.
        metered_from: Begin (ms) of the first hour that a device counted; None for a meter fed by hand.
        metered_until: End (ms) of the last hour that a device counted; None where it counts up to now.
        months: The months entered by hand, an entry of 0 included; also of a meter that was fed by hand before it got
            a device.
        begins: From when it is there (ms); None: always. Before it nothing is missing.
        ends: From when it is there no more (ms); None: it still is.
    """

    id: str
    energy: str
    vehicle_fuel: bool = False
    metered_from: int | None = None
    metered_until: int | None = None
    months: frozenset[Month] = frozenset()
    begins: int | None = None
    ends: int | None = None

    def there(self, start: int, end: int) -> bool:
        """Whether it is there at any time from one moment (ms) up to another."""
        return (self.begins is None or self.begins < end) and (self.ends is None or self.ends > start)

    def counts(self, start: int, end: int) -> bool:
        """Whether a device counted all from one moment (ms) to another, as far as the meter was there."""
        if self.begins is not None:
            if self.begins >= max(end, start + 1):
                return True
            start = max(start, self.begins)
        if self.ends is not None:
            if self.ends <= start:
                return True
            end = min(end, self.ends)
        begun = self.metered_from is not None and self.metered_from <= start
        return begun and (self.metered_until is None or self.metered_until >= end)

    def told(self, until: int) -> int:
        """The end (ms) of the last day up to which nothing is missing, at most `until`, of a meter that counted before."""
        if self.ends is not None and (self.metered_until is None or self.metered_until >= self.ends):
            return until
        if self.metered_from is None and self.begins is not None:
            return min(periods.floor(self.begins, "day"), until)
        return until if self.metered_until is None else min(periods.floor(self.metered_until, "day"), until)

    def has(self, month: Month) -> bool:
        """Whether the whole month is known."""
        year, number = month
        return month in self.months or self.counts(periods.month_start(year, number), periods.month_start(year, number + 1))


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to but not including `end`, ms."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to sum for an indicator; a span that is None cannot be summed, and its reason says why."""

    actual: Span | None
    baseline: Span | None
    baseline_year: Span | None
    grain: Grain
    closed: bool = False
    """The actual span is the whole year."""
    actual_reason: Message | None = None
    baseline_reason: Message | None = None
    year_reason: Message | None = None
    silence: Message | None = None
    """Which meter ended the actual span before the last complete day, and when."""
    cut_short: Message | None = None
    """Why the actual span ends before its year did, which is over; None while the year lasts and where it is whole."""


@dataclass(frozen=True, slots=True)
class Portion:
    """One of those that a figure is summed over, each of which must be known.

    Attributes:
        organisation: How a reason calls it.
        meters: Of it, as far as an indicator counts them.
        absent: Why nothing is known of it at all; None where that is not so.
    """

    organisation: str
    meters: Sequence[CountedMeter]
    absent: Message | None = None


def as_of(year: int, now: int) -> int:
    """The end (ms) of the last complete day, not after the year's end; of a year to come it lies before the year."""
    return min(periods.last_complete_day_end(now), periods.year_bounds(year)[1])


def _first_hole(meters: Sequence[CountedMeter], year: int, months: int) -> tuple[int, Message | None]:
    """How many months from January on all meters have, at most `months`, and what is missing in the next one."""
    for month in range(1, months + 1):
        for meter in meters:
            if not meter.has((year, month)):
                return month - 1, Message("reason.nothing_known", meter=meter.id, month=f"{year}-{month:02}")
    return months, None


def plan(meters: Sequence[CountedMeter], year: int, now: int) -> Plan:
    """The spans of an indicator that counts these meters, in a year, at a moment (ms)."""
    begin, year_end = periods.year_bounds(year)
    until = as_of(year, now)
    if not meters:
        return _unknown(Message("reason.no_meter"))
    year_hole = _nobody(meters, *periods.year_bounds(year - 1)) or _first_hole(meters, year - 1, MONTHS)[1]
    whole_last = None if year_hole else Span(*periods.year_bounds(year - 1))
    if until <= begin:
        why = Message("reason.no_day", year=year)
        return Plan(None, None, whole_last, "day", actual_reason=why, baseline_reason=why, year_reason=year_hole)
    if (nobody := _nobody(meters, begin, until)) is not None:
        return Plan(None, None, whole_last, "day", actual_reason=nobody, baseline_reason=nobody, year_reason=year_hole)
    complete = MONTHS if until == year_end else periods.local_date(until).month - 1
    known, missing = _first_hole(meters, year, complete)
    metered = _last_metered_day(meters, begin, until)
    if metered > begin and metered >= periods.month_start(year, known + 1):
        end, grain, hole = _end_of_metered(meters, year, metered, known)
    else:
        if known == 0:
            why = missing or Message("reason.no_month", year=year)
            return Plan(None, None, whole_last, "month", actual_reason=why, baseline_reason=why, year_reason=year_hole)
        end, grain, hole = periods.month_start(year, known + 1), "month", _first_hole(meters, year - 1, known)[1]
    earlier = periods.same_span_last_year(begin, end)
    hole = hole or _nobody(meters, *earlier)
    baseline = None if hole else Span(*earlier)
    silence = _silence(meters, until) if grain == "day" else None
    why_short = (silence or missing) if until == year_end and end < year_end else None
    return Plan(Span(begin, end), baseline, whole_last, grain, end == year_end, None, hole, year_hole, silence, why_short)


def plan_of_all(portions: Sequence[Portion], year: int, now: int) -> Plan:
    """The spans that all portions of a figure have in common; of one portion those that it has by itself.

    Neither side of a comparison has a span where one of the portions is not known, or nobody counted it: the sides would be of different
    portions. The reason names it.
    """
    if not portions:
        return _unknown(Message("reason.nothing_below"))
    for one in portions:
        if one.absent is not None or not one.meters:
            return _unknown(_lacks(portions, one, one.absent or Message("reason.no_meter")))
    found = plan([meter for one in portions for meter in one.meters], year, now)
    for one in portions if len(portions) > 1 else ():
        found = _with(found, portions, one)
    return found


def _with(found: Plan, portions: Sequence[Portion], one: Portion) -> Plan:
    """A plan without the spans in which nobody counted a portion."""

    def why(span: Span | None) -> Message | None:
        nobody = None if span is None else _nobody(one.meters, span.start, span.end)
        return None if nobody is None else _lacks(portions, one, nobody)

    actual, baseline, whole = why(found.actual), why(found.baseline), why(found.baseline_year)
    if actual is not None:
        found = replace(found, actual=None, actual_reason=actual)
    if baseline is not None or actual is not None:
        found = replace(found, baseline=None, baseline_reason=baseline or actual)
    return found if whole is None else replace(found, baseline_year=None, year_reason=whole)


def _lacks(portions: Sequence[Portion], one: Portion, why: Message) -> Message:
    """Why a figure lacks one of its portions; where there is but one, that is why."""
    return why if len(portions) == 1 else Message("reason.lacks", organisation=one.organisation, why=why)


def _unknown(why: Message) -> Plan:
    return Plan(None, None, None, "day", actual_reason=why, baseline_reason=why, year_reason=why)


def _nobody(meters: Sequence[CountedMeter], start: int, end: int) -> Message | None:
    """Why nothing is known of a span before any of the meters was there, or after all of them: nobody counted, which is not 0."""
    if any(meter.there(start, end) for meter in meters):
        return None
    return Message("reason.no_meter_then", year=periods.local_date(start).year)


def _last_metered_day(meters: Sequence[CountedMeter], begin: int, until: int) -> int:
    """The end (ms) of the last day up to which devices counted all meters since `begin`; `begin` if one did not.

    A device that fell silent ends the span: what it has not told yet is unknown, and counting on would take it for saved.
    """
    if not all(meter.counts(begin, begin) for meter in meters):
        return begin
    return min(meter.told(until) for meter in meters)


def _silence(meters: Sequence[CountedMeter], until: int) -> Message | None:
    """The first meter that has not told all up to the last complete day, and since when."""
    lasts = ((m.begins if m.metered_until is None else m.metered_until, m) for m in meters)
    silent = ((last, meter.id) for last, meter in lasts if last is not None and meter.told(until) < until)
    since, name = min(silent, default=(None, ""))
    return None if since is None else Message("reason.silent", meter=name, since=iso(since))


def _end_of_metered(meters: Sequence[CountedMeter], year: int, until: int, complete: int) -> tuple[int, Grain, Message | None]:
    """Where this year ends if devices count all of it: with the day, or with a month where last year is known by months.

    Where last year does not reach that far, there is nothing to compare with, and this year is given up to its last day.
    """
    earlier = periods.same_span_last_year(periods.year_bounds(year)[0], until)
    if all(meter.counts(*earlier) for meter in meters):
        return until, "day", None
    known, hole = _first_hole(meters, year - 1, complete)
    if complete and known == complete:
        return periods.month_start(year, complete + 1), "month", None
    return until, "day", hole or Message("reason.by_month_only", last=year - 1, year=year)
