"""Counter samples become consumption per hour, once, with its provenance and the events found on the way.

All amounts are base units (`cloud.ledger.base_units`), all times ms since 1970 in UTC. A split depends on nothing but the
two samples of its own interval, so a part of a range, computed again, gives the same numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from cloud.ledger import periods
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.spread import split

Sample = tuple[int, int]
"""Time of measurement in ms, counter in base units."""

_HOURS_OF_WEEK = 168
_MONDAY = periods.midnight(date(1970, 1, 5))
_ROLLOVER_SHARE = 10
"""Without a maximum rate, a step over the end of at most this part (a tenth) of the modulus passes as a rollover."""


class Provenance(StrEnum):
    """Where an amount comes from, best first."""

    MEASURED = "measured"
    DISTRIBUTED = "distributed"
    """The sum over a gap is measured, its hours are not."""
    ESTIMATED = "estimated"
    MANUAL = "manual"


class Kind(StrEnum):
    """What a counter did that is not counting."""

    ROLLOVER = "rollover"
    RESET = "reset"
    BACKWARDS = "backwards"
    """Fell, but neither over its end nor to near nothing; nothing is counted, somebody must look."""
    JUMP = "jump"
    """Rose faster than its maximum rate; counted as estimated, somebody must look."""


class HourPart(NamedTuple):
    """What one hour used, of one provenance; an hour with two provenances has two parts."""

    hour: int
    amount: int
    provenance: Provenance


class Event(NamedTuple):
    """Something found between two samples: when (both ends), the counter before and after, and what was counted."""

    kind: Kind
    since: int
    at: int
    before: int
    after: int
    amount: int


class Hours(NamedTuple):
    """Parts in order of hour and provenance, and events in order of time."""

    parts: list[HourPart]
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a week's use is usually spread: a dated row that never changes after its first use.

    Attributes:
        valid_from: Gaps that begin at or after this moment use it, ms.
        weights: 168 whole numbers, Monday 00:00 in Shanghai first.
    """

    valid_from: int
    weights: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the weights.

        Raises:
            ValueError: Not 168 of them, or one is negative.
        """
        if len(self.weights) != _HOURS_OF_WEEK or min(self.weights) < 0:
            raise ValueError(f"a profile: expected {_HOURS_OF_WEEK} weights of at least 0, got {len(self.weights)}")

    def weight(self, hour: int) -> int:
        """The weight of the hour that begins at `hour` (ms)."""
        return self.weights[(hour - _MONDAY) // HOUR_MS % _HOURS_OF_WEEK]


class Exchange(NamedTuple):
    """A recorded change of meter or of CT/PT ratio: the counter's last value before it and its first after it.

    For a new ratio both are the same display, once with the old ratio and once with the new. A sample of the same
    moment belongs to the old meter.
    """

    at: int
    last: int
    first: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known about one counter.

    Attributes:
        measured_gap: Longest interval (ms) that still counts as measured and is split by time. The default takes
            counters read on the hour; the collector guide asks for hourly statistics of 15-minute samples.
        modulus: Where the counter starts again at 0, in base units.
        max_rate: Most that can be used in an hour, in base units; the sub-metering guide of 2008 (分项能耗数据采集
            技术导则) is quoted as saying twice the branch's rated power; its text was not at hand.
        profiles: Rows by `valid_from`, ascending; a gap older than all of them is spread evenly.
        exchanges: Recorded exchanges, ascending.
    """

    measured_gap: int = HOUR_MS
    modulus: int | None = None
    max_rate: int | None = None
    profiles: tuple[Profile, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    def most(self, duration: int) -> int | None:
        """Most that can be used in `duration` ms, rounded up; None if no maximum rate is known."""
        return None if self.max_rate is None else -(-self.max_rate * duration // HOUR_MS)

    def profile(self, at: int) -> Profile | None:
        """The profile of a gap that begins at a moment."""
        index = bisect_right(self.profiles, at, key=lambda row: row.valid_from)
        return self.profiles[index - 1] if index else None


DEFAULT_RULES = Rules()
_Step = tuple[int, int, int, int]


def hours(samples: Sequence[Sample], first_hour: int, last_hour: int, rules: Rules = DEFAULT_RULES) -> Hours:
    """What a counter's samples say about the hours from `first_hour` to `last_hour`, both included.

    To give the whole truth about these hours, `samples` must reach from the last sample at or before the begin of the
    first hour to the first at or after the end of the last; more do no harm. An hour that no interval touches has no
    part; one that was measured as unused has a part of 0.

    Args:
        samples: Ascending in time.
        first_hour: Begin of the first hour asked for, ms.
        last_hour: Begin of the last hour asked for, ms.
        rules: What is known about the counter.

    Raises:
        ValueError: The samples are not in strictly ascending order of time.
    """
    if any(a[0] >= b[0] for a, b in pairwise(samples)):
        raise ValueError("counter samples: expected strictly ascending times")
    end = last_hour + HOUR_MS
    amounts: dict[Provenance, dict[int, int]] = {provenance: {} for provenance in Provenance}
    events: list[Event] = []
    for since, before, at, after in _steps(samples, rules.exchanges, first_hour, end):
        amount, provenance, kind = judge(since, before, at, after, rules)
        if kind is not None:
            events.append(Event(kind, since, at, before, after, amount))
        into = amounts[provenance]
        for hour, part in _split(since, at, amount, rules):
            if first_hour <= hour <= last_hour:
                into[hour] = into.get(hour, 0) + part
    found = [HourPart(hour, amount, provenance) for provenance, by in amounts.items() for hour, amount in by.items()]
    found.sort(key=itemgetter(0))
    return Hours(found, events)


def _steps(samples: Sequence[Sample], exchanges: Sequence[Exchange], begin: int, end: int) -> Iterator[_Step]:
    """The intervals that touch [begin, end): time and counter at both ends, cut at exchanges."""
    first = max(bisect_right(samples, begin, key=itemgetter(0)) - 1, 0)
    for index in range(first, len(samples) - 1):
        since, before = samples[index]
        if since >= end:
            return
        at, after = samples[index + 1]
        for change in exchanges:
            if since <= change.at < at:
                if since < change.at and begin < change.at:
                    yield since, before, change.at, change.last
                since, before = change.at, change.first
        if since < end:
            yield since, before, at, after


def judge(since: int, before: int, at: int, after: int, rules: Rules) -> tuple[int, Provenance, Kind | None]:
    """What one interval used, where that comes from, and what the counter did beside counting.

    A decrease is a rollover if the modulus is known and the step over it is plausible: at most the maximum rate, or, where
    that is unknown, a tenth of the modulus (estimated then). Else it is a reset, of which the new counter value is
    counted, if that much can have been used since: at most the maximum rate, or, where that is unknown, half of what the
    counter had. Else the counter went backwards (a disturbed reading), and counting its new value would add its whole
    life, so nothing is counted.
    """
    gap, most = at - since > rules.measured_gap, rules.most(at - since)
    used = after - before
    if used >= 0:
        if most is not None and used > most:
            return used, Provenance.ESTIMATED, Kind.JUMP
        if not gap:
            return used, Provenance.MEASURED, None
        return used, Provenance.ESTIMATED if _could_hide(before, after, most, rules.modulus) else Provenance.DISTRIBUTED, None
    if rules.modulus is not None and before < rules.modulus:
        over = used + rules.modulus
        if over <= most if most is not None else over * _ROLLOVER_SHARE <= rules.modulus:
            certain = not gap and most is not None and over + rules.modulus > most
            return over, Provenance.MEASURED if certain else Provenance.ESTIMATED, Kind.ROLLOVER
    if after >= 0 and (after <= most if most is not None else 2 * after <= before):
        return after, Provenance.ESTIMATED, Kind.RESET
    return 0, Provenance.ESTIMATED, Kind.BACKWARDS


def _could_hide(before: int, after: int, most: int | None, modulus: int | None) -> bool:
    """Whether a rise over a gap can contain a reset or a whole turn that nobody saw.

    After a hidden reset all that the counter shows was used in the gap, after a whole turn the modulus more. Where no
    maximum rate says whether that can be, a reset passes if it needs at most twice what the counter rose by (the same
    half by which a fall passes as a reset), and a turn if the rise is more than the share that passes as a rollover.
    """
    used = after - before
    if most is None:
        return 0 < before <= used or (modulus is not None and used * _ROLLOVER_SHARE > modulus)
    return (before > 0 and after <= most) or (modulus is not None and used + modulus <= most)


def _split(since: int, at: int, amount: int, rules: Rules) -> list[tuple[int, int]]:
    """An interval's amount by the hours it touches: by time, and in a gap also by the profile's weights."""
    first = since - since % HOUR_MS
    if at <= first + HOUR_MS:
        return [(first, amount)]
    touched = range(first, at, HOUR_MS)
    weights = [HOUR_MS] * len(touched)
    weights[0] -= since - first
    weights[-1] -= touched[-1] + HOUR_MS - at
    profile = rules.profile(since) if at - since > rules.measured_gap else None
    if profile is not None:
        usual = [profile.weight(hour) * weight for hour, weight in zip(touched, weights, strict=True)]
        weights = usual if any(usual) else weights
    return list(zip(touched, split(amount, weights), strict=True))


def month_entry(amount: int, year: int, month: int) -> list[HourPart]:
    """An amount entered for a month (fuel, a bill), in base units, over its days evenly and each day over its hours.

    Days come first so that a day's sum is the nearest to a day's share, whatever its hours.

    Raises:
        ValueError: Not a month of the calendar.
    """
    days = periods.days_of_month(year, month)
    parts: list[HourPart] = []
    for day, of_day in zip(days, split(amount, [1] * len(days)), strict=True):
        marks = range(day, day + DAY_MS, HOUR_MS)
        parts += [HourPart(hour, part, Provenance.MANUAL) for hour, part in zip(marks, split(of_day, [1] * len(marks)), strict=True)]
    return parts


def shares(amounts: Mapping[Provenance, int | Decimal]) -> dict[str, float]:
    """The part (0 to 1) that each provenance has in a figure; all 0 where nothing was used."""
    total = sum((Decimal(amount) for amount in amounts.values()), Decimal(0))
    return {p.value: float(Decimal(amounts.get(p, 0)) / total) if total else 0.0 for p in Provenance}
