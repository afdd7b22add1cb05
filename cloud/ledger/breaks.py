"""Recorded changes of a counter (another meter, other transformers), placed where the samples break.

People write down a time that is an hour off, and a new ratio holds from when a gateway took it over; the samples know better.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from cloud.ledger.limits import Limits, Sample
from cloud.ledger.periods import DAY_MS, HOUR_MS

SNAP_MS = 12 * HOUR_MS
"""An exchange belongs to a break of the samples within this time of what was recorded."""
TAKEN_OVER_MS = 7 * DAY_MS
"""A gateway takes over a new ratio within this time of its entry, before or after it: it reads the site's files by itself."""
MEANWHILE = 240
"""Most samples that may come from neither meter while one is changed for the other."""
_MEANWHILE_MS = 11 * DAY_MS
"""The time that so many samples take, at one an hour."""


class Exchange(NamedTuple):
    """A recorded change of meter or of CT/PT ratio: the counter's last value before it and its first after it.

    For a new ratio both are the same display, once with the old ratio and once with the new. A sample of the same
    moment belongs to the old meter. `placed_at` is where the ledger found it last, None while it has not.
    """

    at: int
    last: int
    first: int
    placed_at: int | None = None

    @property
    def window(self) -> tuple[int, int]:
        """First and last time (ms) of the samples that say where it was."""
        return self.at - SNAP_MS, self.at + SNAP_MS + _MEANWHILE_MS


class RatioChange(NamedTuple):
    """A ratio or scale that a changed configuration brought: `factor` = new / old, entered at `at`, found at `placed_at`."""

    at: int
    factor: Decimal
    placed_at: int | None = None

    @property
    def window(self) -> tuple[int, int]:
        """First and last time (ms) of the samples that say when it was taken over."""
        return self.at - TAKEN_OVER_MS, self.at + TAKEN_OVER_MS


class Break(NamedTuple):
    """A recorded change between two samples: their times, the moment between them, and the counter just before and after it."""

    since: int
    at: int
    moment: int
    last: int
    first: int


def place(change: Exchange, samples: Sequence[Sample], limits: Limits, own: Limits | None = None) -> Break | None:
    """Where an exchange happened: at the break nearest to its time whose ends fit its values; None if there is none yet.

    A sample that follows from the old meter's level is never passed over. Where no two samples show a break, a new meter that
    went on from about the old one's value is still found.

    Args:
        change: As recorded.
        samples: Ascending; they reach `SNAP_MS` to both sides of it, or to the next samples beyond.
        limits: What the counter can do.
        own: The same by its own use, where that is known: recorded values beyond it are nobody's.
    """
    own = own or limits
    found: list[tuple[bool, int, int, Break]] = []
    begin = max(bisect_left(samples, change.at - SNAP_MS, key=itemgetter(0)) - 1, 0)
    end = min(bisect_right(samples, change.at + SNAP_MS, key=itemgetter(0)), len(samples) - 1)
    for index in range(begin, end):
        (since, old), new = samples[index], _first_of_new(change, samples, index, limits, own)
        if new is not None and _within(change.last - old, limits.step, own.most(new[0] - since)):
            moment = _moment(change.at, (since, new[0]), (change.last - old, new[1] - change.first), limits)
            there = Break(since, new[0], moment, change.last, change.first)
            away = max(since - change.at, change.at - there.at, 0)
            found.append((limits.agrees(since, old, new), away, there.at - since, there))  # what the samples show comes first
    return min(found)[-1] if found else None


def _first_of_new(change: Exchange, samples: Sequence[Sample], index: int, limits: Limits, own: Limits) -> Sample | None:
    """The new meter's first sample, if the one at an index is the old meter's last; what follows from neither is passed over.

    A sample that follows from both is the old meter's if that has counted less for it: then there was no exchange yet.
    """
    since, old = samples[index]
    for later in range(index + 1, min(index + 1 + MEANWHILE, len(samples))):
        at, value = samples[later]
        fits = _within(value - change.first, limits.step, own.most(at - since))
        if limits.agrees(since, old, (at, value)) and not (fits and change.first >= old - limits.step):
            return None
        if fits:
            return at, value
    return None


def _moment(recorded: int, ends: tuple[int, int], rises: tuple[int, int], limits: Limits) -> int:
    """When the change was, between two samples: as recorded, if both meters then had the time for what they counted."""
    hourly = limits.most(HOUR_MS)
    before, after = (_least_time(rise - limits.step, hourly) if rise > 0 else 0 for rise in rises)
    earliest, latest = ends[0] + before, ends[1] - after
    if earliest > latest:
        return ends[0] + (ends[1] - ends[0]) * before // (before + after)
    return min(max(recorded, earliest), latest)


def _least_time(rise: int, hourly: int | None) -> int:
    """The least time (ms) in which a branch uses that much; at least 1, since an interval of no length belongs to no hour."""
    return 1 if not hourly else max(-(-rise * HOUR_MS // hourly), 1)


def place_ratio(change: RatioChange, samples: Sequence[Sample], limits: Limits, taken: Collection[int] = ()) -> Break | None:
    """Where a new ratio took effect: the break nearest to its entry at which the counter became `factor` times itself.

    A gateway may take a ratio over before somebody enters it, or days later, so both sides are looked at. Samples that follow from
    each other are no break: what a young counter or a long gap shows might be either, and a ratio that finds no break is asked about.

    Args:
        change: As recorded.
        samples: Ascending; they reach to both ends of its window, or to the next samples beyond.
        limits: What the counter can do.
        taken: Times of the first sample behind breaks that belong to another record.
    """
    low, high = change.window
    slack = limits.step * max(1, round(change.factor)) + 1
    found: list[tuple[int, int, Break]] = []
    for (since, old), after in pairwise(samples):
        at, new = after
        if at < low or since > high or at in taken or (limits.rate is not None and limits.agrees(since, old, after)):
            continue
        begin = round(old * change.factor)
        if abs(begin - old) > slack and _within(new - begin, slack, limits.most(at - since)):
            found.append((max(since - change.at, change.at - at, 0), since, Break(since, at, since, old, begin)))
    return min(found)[2] if found else None


def _within(rise: int, step: int, most: int | None) -> bool:
    return -step <= rise and (most is None or rise <= most + step)
