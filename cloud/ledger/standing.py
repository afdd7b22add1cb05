"""A counter that stands: whether it rests, or is frozen while something is used."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from cloud.ledger.counters import HELD, RESTING, Judgement, Rules
from cloud.ledger.limits import Limits
from cloud.ledger.path import Branch, Kind, Path, ReopenedError, Step
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.ledger.usual import Usual

FLAT_MS = 2 * HOUR_MS
"""A counter that stands for less is never called frozen."""
STANDING_MS = 2 * DAY_MS
"""What stands for longer is held against the use of whole days, so that this is asked once a day."""
FLAT_UNSEEN_MS = 7 * DAY_MS
"""What stands for so long is held against the usual use, though no power or flow says that something is used; after two days already
where the counter never rested as long in the weeks before."""
FROZEN_STEPS = 20
"""A counter is suspected where so many of its steps were to be expected while it stood."""
_STEEP = 4
"""Catching up is so many times as steep as what follows."""
FOLLOWING = 3

Time = tuple[int, int]
"""From when until when, ms."""
Drawn = Callable[[int, int], int | None]
"""What power or flow says was used in [start, end), base units; None where it says nothing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the samples.

    Attributes:
        usual: The meter's usual use.
        drawn: What its power or flow says; None for a meter without.
        lower_at: When the counter was last below its first sample's value; None if that is not known.
        stood: It showed that value already before its first sample.
        lower: What it showed at the end of the last hour that ended below that value; None if that is not known.
        resting: What was said last of a counter that still rests.
    """

    usual: Usual | None = None
    drawn: Drawn | None = None
    lower_at: int | None = None
    stood: bool = False
    lower: int | None = None
    resting: Judgement | None = None


class _Flat(NamedTuple):
    """A time in which the counter stood.

    Attributes:
        first: Index of its first point in the path.
        last: Of its last.
        since: When it began, which may lie before the path; ms.
        until: When it was last seen to stand.
        level: What it showed.
        at_end: Nothing follows.
    """

    first: int
    last: int
    since: int
    until: int
    level: int
    at_end: bool

    def must_be_whole(self, path: Path) -> None:
        """Refuse a path that does not hold its begin.

        Raises:
            ReopenedError: Begin there.
        """
        if self.since < path.times[0]:
            raise ReopenedError(Branch(self.since, path.levels[0]))


def _flat(path: Path, index: int, end: int, evidence: Evidence) -> _Flat:
    since, lower_at = path.times[index], evidence.lower_at
    if index == 0 and lower_at is not None and (end > 0 or evidence.stood):
        since = min(since, lower_at)
    return _Flat(index, end, since, path.times[end], path.levels[end], end + 1 == len(path.times))


def thaw(path: Path, rules: Rules, evidence: Evidence, found: list[Judgement]) -> dict[int, int | None]:
    """Make gaps of the times in which the counter was frozen, and end the path where it still is.

    Args:
        path: It is changed.
        rules: What is known about the counter.
        evidence: What is known beside the samples.
        found: Judgements of times in which it stands, or stood, are added.

    Returns:
        The end of the weeks that the usual use was taken from, by the begin of the gaps.

    Raises:
        ReopenedError: The counter stood since before the path: begin there.
    """
    frozen = _Frozen()
    for index, end in reversed(list(_flats(path))):
        flat = _flat(path, index, end, evidence)
        if flat.at_end:
            _stands(path, flat, rules, evidence, found)
        elif not _is_asked(flat, rules):
            continue
        elif end + 1 in path.steps:
            _broke_off(path, flat, rules, evidence, found, frozen)
        else:
            _stood(path, flat, rules, evidence, found, frozen)
    frozen.collapse(path)
    return frozen.consulted


@dataclass(slots=True)
class _Frozen:
    """Times in which the counter was frozen.

    Attributes:
        gone: Indices of the points in them.
        steps: What the step was by which it went on, by the index of the point behind it.
        consulted: The end of the weeks that the usual use was taken from, by begin.
    """

    gone: set[int] = field(default_factory=set)
    steps: dict[int, Step] = field(default_factory=dict)
    consulted: dict[int, int | None] = field(default_factory=dict)

    def add(self, path: Path, flat: _Flat, expected: int, basis: int | None) -> None:
        """One gap from where the counter stopped to where it went on; what it missed for good is estimated."""
        end = flat.last + 1
        caught_up = path.levels[end] - path.levels[flat.first]
        lost = expected - caught_up if 2 * caught_up < expected else 0
        self.gone.update(range(flat.first + 1, end))
        self.steps[end] = Step(Kind.FROZEN, caught_up + lost, lost)
        self.consulted[path.times[flat.first]] = basis

    def add_lost(self, path: Path, flat: _Flat, expected: int, basis: int | None) -> None:
        """All of a time in which the counter stood until something else happened to it is estimated."""
        self.gone.update(range(flat.first + 1, flat.last))
        self.steps[flat.last] = Step(Kind.FROZEN, expected, expected)
        self.consulted[path.times[flat.first]] = basis

    def collapse(self, path: Path) -> None:
        """Take the points in these times out of a path, all at once: a coarse display stands thousands of times a year."""
        if self.steps:
            kept = [index for index in range(len(path.times)) if index not in self.gone]
            number = {index: place for place, index in enumerate(kept)}
            path.times, path.levels = [path.times[index] for index in kept], [path.levels[index] for index in kept]
            path.steps = {number[index]: step for index, step in (path.steps | self.steps).items()}


def _is_asked(flat: _Flat, rules: Rules) -> bool:
    return bool(_in_use(flat.since, flat.until, rules))


def _in_use(since: int, until: int, rules: Rules) -> list[Time]:
    """The times within one in which the meter was in use, those that are long enough to be looked at; a record may cover a part."""
    ends = [since, *(min(max(at, since), until) for time in rules.idle for at in time), until]
    return [(begin, end) for begin, end in zip(ends[::2], ends[1::2], strict=True) if end - begin >= FLAT_MS]


def _length(times: Sequence[Time]) -> int:
    return sum(until - since for since, until in times)


def _sum(times: Sequence[Time], measure: Callable[[int, int], int | None]) -> int | None:
    """What was used in some times; None where one of them is not known."""
    found = [measure(*time) for time in times]
    known = [one for one in found if one is not None]
    return sum(known) if known and len(known) == len(found) else None


def _stood(path: Path, flat: _Flat, rules: Rules, evidence: Evidence, found: list[Judgement], frozen: _Frozen) -> None:
    """A counter that has moved again: a gap, if something was used while it stood."""
    expected, basis = _expected(path, flat, rules, evidence)
    if expected is not None and is_suspected(expected, rules.limits):
        flat.must_be_whole(path)
        frozen.add(path, flat, expected, basis)
    elif basis is not None:
        flat.must_be_whole(path)
        found.append(_held(flat, basis))


def _held(flat: _Flat, basis: int) -> Judgement:
    """What is kept of a rest that was held against the usual use: it is asked again when that is known better."""
    return Judgement(HELD, flat.since, flat.until, flat.until, flat.level, flat.level, 0, 0, basis)


def _broke_off(path: Path, flat: _Flat, rules: Rules, evidence: Evidence, found: list[Judgement], frozen: _Frozen) -> None:
    """A counter that stood until it was exchanged, reset or jumped: nobody will catch up what it missed if it was frozen."""
    times = _in_use(flat.since, flat.until, rules)
    expected, basis = _expected_over(flat.since, times, _length(times), evidence, after=True)
    if expected is not None and is_suspected(expected, rules.limits):
        flat.must_be_whole(path)
        frozen.add_lost(path, flat, expected, basis)
    elif basis is not None:
        flat.must_be_whole(path)
        found.append(_held(flat, basis))


def _stands(path: Path, flat: _Flat, rules: Rules, evidence: Evidence, found: list[Judgement]) -> None:
    """A counter that has not moved again: frozen, or at rest."""
    known = None if flat.first else _known_rest(path, evidence)
    if known is not None and held_until(known.since, known.until) == held_until(known.since, flat.until):
        found.append(known._replace(until=flat.until))
        return
    if known is not None:
        flat = flat._replace(since=known.since)
    if not _is_asked(flat, rules):
        return
    since, until, level = flat.since, flat.until, flat.level
    expected, basis = expected_standing(since, until, rules, evidence)
    if expected is not None and is_suspected(expected, rules.limits):
        flat.must_be_whole(path)
        if expected > 2 * _last_rise(path, flat, rules):
            _end(path, flat, rules, found, expected, basis)
            return
    if until - since >= STANDING_MS:
        if known is None:
            flat.must_be_whole(path)
        found.append(Judgement(RESTING, since, since, until, level, level, 0, 0, basis))


def _last_rise(path: Path, flat: _Flat, rules: Rules) -> int:
    """The step by which the counter came to where it stands: a display of whole units stands until it shows the next one."""
    last = flat.first
    if not last or last in path.steps or path.times[last] - path.times[last - 1] > rules.limits.measured_gap:
        return 0
    return path.levels[last] - path.levels[last - 1]


def _end(path: Path, flat: _Flat, rules: Rules, found: list[Judgement], expected: int, basis: int | None) -> None:
    """End the path where the counter stopped; after a gap, at its begin, since nobody knows when in it that was."""
    last = flat.first
    if last and last not in path.steps and path.times[last] - path.times[last - 1] > rules.limits.measured_gap:
        last -= 1
    since = flat.since if last == flat.first else path.times[last]
    before, rise = path.levels[last], flat.level - path.levels[last]
    found.append(Judgement(Kind.FROZEN, since, path.times[last + 1], flat.until, before, flat.level, 0, expected + rise, basis))
    del path.times[last + 1 :], path.levels[last + 1 :]


def stands_since(frozen: Judgement) -> int:
    """Since when (ms) a counter that was found frozen shows what it shows: the first sample after a gap, or the last that rose."""
    return frozen.since if frozen.before == frozen.after else frozen.at


def _known_rest(path: Path, evidence: Evidence) -> Judgement | None:
    """What was said last of the rest that a path lies in."""
    known, lower_at = evidence.resting, evidence.lower_at
    if known is None or lower_at is None or path.levels[0] != known.before:
        return None
    return known if lower_at <= known.since <= path.times[0] else None


def held_until(since: int, until: int) -> int:
    """Up to when a counter that stands is held against its use."""
    return until if until - since < STANDING_MS else floor(until, "day")


def _flats(path: Path) -> Iterator[tuple[int, int]]:
    """First and last index of the points over which the counter stood for long enough to be looked at."""
    times, levels = np.asarray(path.times, dtype=np.int64), np.asarray(path.levels, dtype=np.int64)
    if len(times) == 0:
        return
    moves = np.flatnonzero(np.diff(levels)) + 1
    stepped = np.fromiter(sorted(path.steps), dtype=np.int64, count=len(path.steps))
    starts = np.union1d(np.union1d(moves, stepped), [0])
    ends = np.append(starts[1:] - 1, len(times) - 1)
    long = np.flatnonzero((times[ends] - times[starts] >= FLAT_MS) | (starts == 0))
    for one in long:
        yield int(starts[one]), int(ends[one])


def _expected(path: Path, flat: _Flat, rules: Rules, evidence: Evidence) -> tuple[int | None, int | None]:
    """What was to be expected while the counter stood, and the end of the weeks that say so.

    The amount is None where nothing speaks for more than a rest; the weeks' end is None where they were not asked. A rise that is no
    more than what it rose by in the hour before it stood catches nothing up: so does a display that shows whole units and no less.
    """
    last, usual, times = flat.last, evidence.usual, _in_use(flat.since, flat.until, rules)
    drawn = _drawn(times, evidence)
    caught_up, came = path.levels[last + 1] - path.levels[last], _came(path, flat, evidence)
    is_display = came is not None and caught_up <= came
    if drawn is not None or usual is None:
        return None if drawn is not None and is_display and drawn <= 2 * caught_up else drawn, None
    is_long = _length(times) >= FLAT_UNSEEN_MS
    if is_long and _is_contradicted(usual, flat.since, times):
        return _sum(times, partial(_usual, usual, (flat.since, flat.until))), usual.basis(flat.until)
    if caught_up < FROZEN_STEPS * max(rules.limits.step, 1) or is_display or not _steep(path, last):
        return None, usual.basis(flat.until) if is_long else None  # the year before may become known later
    expected = _sum(times, partial(_usual, usual, (flat.since, flat.until)))
    return None if expected is not None and 2 * caught_up < expected else expected, usual.basis(flat.until)


def _is_contradicted(usual: Usual, since: int, times: Sequence[Time]) -> bool:
    """Whether the meter used in the same weeks of the year before at least half of what it did on all days before it stood."""
    year, typical = _sum(times, usual.a_year_before), usual.typical(since)
    return year is not None and typical is not None and 2 * year * HOUR_MS >= typical * _length(times)


def _came(path: Path, flat: _Flat, evidence: Evidence) -> int | None:
    """What the counter rose by to where it stood, since the last hour that ended before; None if that is not known."""
    before = bisect_left(path.times, floor(path.times[flat.first], "hour"), 0, flat.first) - 1
    lower = path.levels[before] if before >= 0 else None if flat.first else evidence.lower
    return None if lower is None else flat.level - lower


def expected_standing(since: int, until: int, rules: Rules, evidence: Evidence) -> tuple[int | None, int | None]:
    """The same for a counter that still stands: without power or flow, only a long rest is asked about."""
    times = _in_use(since, held_until(since, until), rules)
    return _expected_over(since, times, _length(_in_use(since, until, rules)), evidence, after=False)


def _expected_over(since: int, times: Sequence[Time], lasted: int, evidence: Evidence, *, after: bool) -> tuple[int | None, int | None]:
    """What was to be expected in some times within those, of so many ms in all, in which a counter in use stood since a moment.

    What comes `after` a counter that still stands is decided by nothing yet.
    """
    drawn, usual = _drawn(times, evidence), evidence.usual
    if drawn is not None or usual is None or not times or lasted < STANDING_MS:
        return drawn, None
    is_unusual, within = lasted >= FLAT_UNSEEN_MS or _length(times) > usual.longest_rest(since), (since, times[-1][1])
    expected = _sum(times, partial(_usual, usual, within, after=after)) if is_unusual else None
    return expected, usual.basis(times[-1][1], after=after)


def _drawn(times: Sequence[Time], evidence: Evidence) -> int | None:
    return None if evidence.drawn is None else _sum(times, evidence.drawn)


def _usual(usual: Usual, within: Time, since: int, until: int, *, after: bool = True) -> int | None:
    """What the same weeks of the year before used, else what the weeks around a standstill usually do.

    Where the year before used less than half of what these weeks do, its rest began near this time too: nothing is to be expected.
    """
    expected, around = usual.a_year_before(since, until), usual.amount(since, until, within, after=after)
    if expected is None:
        return around
    return 0 if around is not None and 2 * expected < around else expected


def is_suspected(expected: int | None, limits: Limits) -> bool:
    """Whether so much was to be expected that a counter that stands is suspected."""
    return expected is not None and expected >= FROZEN_STEPS * max(limits.step, 1)


def _steep(path: Path, end: int) -> bool:
    """Whether the rise after a rest is much steeper than the rises that follow it."""
    times, levels = path.times, path.levels
    if end + 1 + FOLLOWING >= len(times):
        return False
    rise, lasted = levels[end + 1] - levels[end], times[end + 1] - times[end]
    for index in range(end + 2, end + 2 + FOLLOWING):
        step = path.steps.get(index)
        if step is not None and step.kind is Kind.FROZEN:
            return True  # it stood before it caught up again
        if step is not None or (levels[index] - levels[index - 1]) * lasted * _STEEP > rise * max(times[index] - times[index - 1], 1):
            return False
    return True
