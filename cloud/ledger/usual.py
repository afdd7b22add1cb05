"""What a meter usually uses: the mean of the same hours of working days and days off, in the weeks before and after.

It stands in for what nobody measured (a reset inside a gap, a jump that nobody recorded), and tells a frozen counter from one
that rests. It follows from hourly values of the counter and the official calendar alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

from cloud.ledger import periods
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.shapes import Kind, kind_of

WEEKS_MS = 21 * DAY_MS
"""How far the weeks before and after reach."""
YEAR_MS = 364 * DAY_MS
"""Back to the same weekdays of an earlier year."""
_HALVED_MS = 7 * DAY_MS // 2
"""An hour so much farther away counts half: plant follows the season, and people one another's days."""
_LEAST_HOURS = 72
"""Fewer known hours on a side say nothing."""
_OUTLIER = 8
"""An hour of more than so many medians of its kind is no usual hour."""

Hourly = Callable[[int, int], Sequence[tuple[int, int]]]
"""The counter's last value in each hour of [start, end) that has one: begin of the hour (ms) and base units."""


class Usual:
    """The usual use of one meter.

    Args:
        hourly: Where hourly values come from.
        rate: Most that can be used in an hour; None if anything can.
    """

    def __init__(self, hourly: Hourly, rate: int | None) -> None:
        self._hourly, self._rate = hourly, rate
        self._known: dict[int, int] = {}
        self._loaded: tuple[int, int] = (0, 0)

    def amount(self, since: int, at: int, whole: tuple[int, int] | None = None, *, after: bool = True) -> int | None:
        """What is usually used from one moment to another, base units; None where too little is known around them.

        Of a part of a time that says nothing of what is usual, the weeks before and after are those around the `whole` time; without
        `after`, what follows says nothing.
        """
        begin, end = whole or (since, at)
        first, behind = periods.floor(begin, "hour"), periods.floor(end - 1, "hour") + HOUR_MS
        before = self._means(first - WEEKS_MS, first, near=first)
        behind_it = self._means(behind, behind + WEEKS_MS, near=behind) if after else None
        if before is None and behind_it is None:
            return None
        total = 0.0
        for hour in range(periods.floor(since, "hour"), at, HOUR_MS):
            within = (min(hour + HOUR_MS, at) - max(hour, since)) / HOUR_MS
            way = (hour - begin) / max(end - begin, 1)
            total += within * _between(_of(before, hour), _of(behind_it, hour), min(max(way, 0.0), 1.0))
        return round(total)

    def busiest(self, since: int, at: int) -> int | None:
        """What the busiest hour but one of the weeks around a time used, base units; None where they tell too little, or of no use.

        The busiest of all may hold a jump itself.
        """
        behind = periods.floor(at - 1, "hour") + HOUR_MS
        sides = (self._uses_before(since), self._uses(behind, behind + WEEKS_MS))
        return _busiest([used for side in sides for _, used in side or ()])

    def busiest_before(self, at: int) -> int | None:
        """The same of the weeks before a moment alone."""
        return _busiest([used for _, used in self._uses_before(at) or ()])

    def _uses_before(self, at: int) -> list[tuple[int, int]] | None:
        first = periods.floor(at, "hour")
        return self._uses(first - WEEKS_MS, first)

    def basis(self, at: int, *, after: bool = True) -> int:
        """The end (ms) of the weeks after a moment that `amount` takes from: all of them, or the whole days that are known."""
        start = periods.floor(at - 1, "hour") + HOUR_MS
        if not after:
            return periods.floor(start, "day")
        end = start + WEEKS_MS
        self._load(start - HOUR_MS, end)
        newest = max((hour for hour in range(end - HOUR_MS, start - HOUR_MS, -HOUR_MS) if hour in self._known), default=start)
        return end if newest == end - HOUR_MS else periods.floor(newest, "day")

    def typical(self, at: int) -> float | None:
        """What the mean hour of the weeks before a moment used, working days and days off together; None where too little is known."""
        first = periods.floor(at, "hour")
        means = self._means(first - WEEKS_MS, first, near=first)
        return None if means is None else means[None]

    def longest_rest(self, at: int) -> int:
        """The longest time (ms) for which the counter stood in the weeks before a moment, as its hourly values tell."""
        end = periods.floor(at, "hour")
        self._load(end - WEEKS_MS, end)
        longest, since, level = 0, end, None
        for hour in range(end - WEEKS_MS, end, HOUR_MS):
            value = self._known.get(hour)
            if value is None:
                continue
            if value != level:
                since, level = hour, value
            longest = max(longest, hour - since)
        return longest

    def a_year_before(self, since: int, at: int) -> int | None:
        """What was used in the same weeks of the year before; None unless four fifths of those hours are known.

        Holidays move: where a working day stands against a day off, the same hours of the days of its kind in those weeks are taken.
        """
        hours = range(periods.floor(since, "hour") - YEAR_MS, at - YEAR_MS, HOUR_MS)
        self._load(hours.start - HOUR_MS, hours.stop + HOUR_MS)
        uses = {hour: used for hour in hours if (used := self._use(hour)) is not None}
        of_kind: defaultdict[Kind, list[int]] = defaultdict(list)
        for hour, used in uses.items():
            of_kind[kind_of(hour)].append(used)
        found: list[float] = []
        for hour in hours:
            wanted = kind_of(hour + YEAR_MS)
            if wanted == kind_of(hour):
                found += [uses[hour]] if hour in uses else []
            else:
                found += [fmean(of_kind[wanted])] if wanted in of_kind else []
        return round(sum(found) * len(hours) / len(found)) if found and len(found) * 5 >= len(hours) * 4 else None

    def _means(self, start: int, end: int, near: int) -> Mapping[Kind | None, float] | None:
        """The mean hour of each kind in a time, and of all kinds by None; near days count more."""
        uses = self._uses(start, end)
        if uses is None:
            return None
        by_kind: defaultdict[Kind | None, list[tuple[int, float]]] = defaultdict(list)
        for hour, used in uses:
            weighted = (used, 0.5 ** (abs(hour - near) / _HALVED_MS))
            by_kind[kind_of(hour)].append(weighted)
            by_kind[None].append(weighted)
        return {kind: _mean(values) for kind, values in by_kind.items()}

    def _uses(self, start: int, end: int) -> list[tuple[int, int]] | None:
        """The hours of a time whose use is known, and that; None if these are too few. Only days that are over count.

        A value that the counter fell from, or came back to, was not kept: it says nothing of use.
        """
        self._load(start - HOUR_MS, end)
        known = [hour for hour in range(start - HOUR_MS, end, HOUR_MS) if hour in self._known]
        if known and known[-1] < end - HOUR_MS:
            whole = periods.floor(known[-1], "day")
            known = [hour for hour in known if hour < whole]
        levels = {hour: self._known[hour] for hour in known}
        found = [(hour, used) for hour in known if hour >= start and (used := self._use(hour)) is not None]
        kept = [(hour, used) for hour, used in found if _is_kept(levels, hour)]
        return kept if kept and len(found) >= _LEAST_HOURS else None

    def _use(self, hour: int) -> int | None:
        """What an hour used, from the last values of it and of the hour before; None if they do not say."""
        now, before = self._known.get(hour), self._known.get(hour - HOUR_MS)
        if now is None or before is None or now < before or (self._rate is not None and now - before > 2 * self._rate):
            return None
        return now - before

    def _load(self, start: int, end: int) -> None:
        """Ask for hourly values, a year at most at once, and remember them."""
        start, end = periods.floor(start, "hour"), periods.floor(end - 1, "hour") + HOUR_MS
        low, high = self._loaded
        if low <= start and end <= high:
            return
        if low == high or end < low - YEAR_MS or start > high + YEAR_MS:
            self._known.update(self._hourly(start, end))
            self._loaded = (start, end)
            return
        if start < low:
            self._known.update(self._hourly(start, low))
        if end > high:
            self._known.update(self._hourly(high, end))
        self._loaded = (min(start, low), max(end, high))


def _is_kept(levels: Mapping[int, int], hour: int) -> bool:
    """Whether the counter neither fell to the value that an hour began with nor fell from the one that it ended with."""
    began, ended = levels[hour - HOUR_MS], levels[hour]
    return levels.get(hour - 2 * HOUR_MS, began) <= began and levels.get(hour + HOUR_MS, ended) >= ended


def _busiest(uses: Sequence[int]) -> int | None:
    return sorted(uses)[-2] or None if len(uses) > 1 else None


def _mean(values: Sequence[tuple[int, float]]) -> float:
    middle = median(value for value, _ in values)
    usual = [one for one in values if one[0] <= _OUTLIER * middle] if middle > 0 else values
    return fmean((value for value, _ in usual), [weight for _, weight in usual])


def _of(means: Mapping[Kind | None, float] | None, hour: int) -> float | None:
    return None if means is None else means.get(kind_of(hour), means[None])


def _between(before: float | None, after: float | None, way: float) -> float:
    if before is None or after is None:
        return (before if after is None else after) or 0.0
    return before + (after - before) * way
