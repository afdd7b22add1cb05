"""Counter samples become consumption per hour, once, with its provenance and what was judged on the way.

All amounts are base units (`cloud.ledger.base_units`), all times ms since 1970 in UTC. An interval is split by its own two
ends alone, so a part of a range, computed again, gives the same numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from cloud.ledger import periods
from cloud.ledger.breaks import Exchange, RatioChange
from cloud.ledger.limits import Limits
from cloud.ledger.path import Kind, Path
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.shapes import LoadShape
from cloud.ledger.spread import split

_HOURS_OF_WEEK = 168
_MONDAY = periods.midnight(date(1970, 1, 5))


class Provenance(StrEnum):
    """Where an amount comes from, best first."""

    MEASURED = "measured"
    DISTRIBUTED = "distributed"
    """The sum over a gap is measured, its hours are not."""
    ESTIMATED = "estimated"
    MANUAL = "manual"


class HourPart(NamedTuple):
    """What one hour used, of one provenance; an hour with two provenances has two parts."""

    hour: int
    amount: int
    provenance: Provenance


class Interval(NamedTuple):
    """What was used between two moments."""

    since: int
    at: int
    amount: int
    provenance: Provenance


class Judgement(NamedTuple):
    """What a counter did beside counting, or what is not decided yet.

    Attributes:
        kind: A `Kind`, `undecided` or `held`.
        since: When its level was last reached, ms.
        at: When it was first left.
        until: End of what the judgement is about.
        before: The level that was left.
        after: What the counter showed then.
        amount: What was counted from `since` to `until`.
        stake: The amount that a person may know better; 0 where nobody is asked.
        basis: End of the weeks that the usual use was taken from; None where it was not asked for.
        resume: Of what is not decided: the samples from then on are held against what follows; None if that is all.
    """

    kind: str
    since: int
    at: int
    until: int
    before: int
    after: int
    amount: int
    stake: int = 0
    basis: int | None = None
    resume: int | None = None

    @property
    def goes_on(self) -> bool:
        """Whether nothing ended yet what it is about."""
        return self.kind == UNDECIDED or (self.kind == Kind.FROZEN and not self.amount)


UNDECIDED = "undecided"
HELD = "held"
"""A rest that was held against the usual use and found to be in order."""
RESTING = "resting"
"""The same of a counter that still rests."""
SEAM = "seam"
"""Another device's counter that might have gone on from the one before: held against the usual use, asked about if far above it."""


@dataclass(frozen=True, slots=True)
class RecordedShape:
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


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known about one counter.

    Attributes:
        limits: What it can do.
        profiles: What people recorded of how its gaps are spread, by `valid_from`, ascending.
        shapes: What its own months taught of that, by `valid_from`, ascending; a gap older than all rows of both is spread evenly.
        exchanges: Recorded exchanges, ascending.
        ratios: Recorded changes of ratio or scale, ascending.
        idle: Times ([start, end), ms) in which the meter was recorded as out of use, ascending; no two of them touch.
        seams: From when on (ms) another device's counter counts, ascending.
    """

    limits: Limits = field(default_factory=Limits)
    profiles: tuple[RecordedShape, ...] = ()
    shapes: tuple[LoadShape, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    ratios: tuple[RatioChange, ...] = ()
    idle: tuple[tuple[int, int], ...] = ()
    seams: tuple[int, ...] = ()

    def profile(self, at: int) -> RecordedShape | LoadShape | None:
        """The profile of a gap that begins at a moment: the recorded one, else the learnt one."""
        return _valid(self.profiles, at) or _valid(self.shapes, at)

    def is_idle(self, since: int, at: int) -> bool:
        """Whether the meter was out of use for the whole of a time."""
        return any(start <= since and at <= end for start, end in self.idle)


def _valid(rows: Sequence[RecordedShape | LoadShape], at: int) -> RecordedShape | LoadShape | None:
    """The newest of some rows that is valid at a moment."""
    index = bisect_right(rows, at, key=lambda row: row.valid_from)
    return rows[index - 1] if index else None


DEFAULT_RULES = Rules()
_TEXTS = [(provenance, provenance.value) for provenance in Provenance]
Amounts = dict[int, int]
"""Base units by begin of an hour."""
Parts = dict[tuple[int, Provenance], int]
"""Base units by hour (begin, ms) and provenance."""
_NONE: Mapping[int, int] = MappingProxyType({})


def by_hours(
    intervals: Sequence[Interval], first_hour: int, last_hour: int, rules: Rules, steady: Mapping[int, int] = _NONE
) -> list[HourPart]:
    """The intervals' amounts by the hours from `first_hour` to `last_hour` (begins, ms), both included.

    An hour that no interval touches has no part; one that was measured as unused has a part of 0.

    Args:
        intervals: Each is split over the hours it touches.
        first_hour: ms.
        last_hour: ms.
        rules: How a gap is spread.
        steady: What was measured within hours beside them, by begin of the hour.
    """
    amounts: dict[Provenance, Amounts] = {provenance: {} for provenance in Provenance}
    amounts[Provenance.MEASURED] = {hour: amount for hour, amount in steady.items() if first_hour <= hour <= last_hour}
    end = last_hour + HOUR_MS
    for since, at, amount, provenance in intervals:
        if at <= first_hour or since >= end:
            continue
        into = amounts[provenance]
        hour = since - since % HOUR_MS
        if at <= hour + HOUR_MS:
            if first_hour <= hour:
                into[hour] = into.get(hour, 0) + amount
            continue
        for touched, part in _split(since, at, amount, rules):
            if first_hour <= touched <= last_hour:
                into[touched] = into.get(touched, 0) + part
    found = [HourPart(hour, amount, provenance) for provenance, by in amounts.items() for hour, amount in by.items()]
    found.sort(key=lambda part: part[0])
    return found


def _split(since: int, at: int, amount: int, rules: Rules) -> list[tuple[int, int]]:
    """An interval's amount by the hours it touches: by time, and in a gap also by the profile's weights."""
    first = since - since % HOUR_MS
    touched = range(first, at, HOUR_MS)
    weights = [HOUR_MS] * len(touched)
    weights[0] -= since - first
    weights[-1] -= touched[-1] + HOUR_MS - at
    profile = rules.profile(since) if at - since > rules.limits.measured_gap else None
    if profile is not None:
        usual = [profile.weight(hour) * weight for hour, weight in zip(touched, weights, strict=True)]
        weights = usual if any(usual) else weights
    return list(zip(touched, split(amount, weights), strict=True))


def levels_by_hour(path: Path) -> dict[int, tuple[int, int]]:
    """The last point of each hour that has one, by begin of the hour: its time and level."""
    hours = np.asarray(path.times, dtype=np.int64) // HOUR_MS * HOUR_MS
    last = np.flatnonzero(np.diff(hours, append=-1)).tolist()
    return {hour: (path.times[index], path.levels[index]) for hour, index in zip(hours[last].tolist(), last, strict=True)}


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
    total = sum(amounts.values())
    return {text: float(amounts.get(p, 0) / total) if total else 0.0 for p, text in _TEXTS}
