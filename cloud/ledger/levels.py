"""The settled level: which samples of a counter count, and what it did beside counting.

Consumption is the rise of the level that a counter reached and kept. A sample that cannot follow from the level (it fell, or
rose faster than its branch can draw) is suspected; what follows decides. Nothing here knows when a sample arrived, so any
order of arrival, any repetition and any cutting into batches end in one path.

All amounts are base units (`cloud.ledger.base_units`), all times ms since 1970 in UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cloud.ledger.breaks import Break
from cloud.ledger.limits import Limits, Sample
from cloud.ledger.path import Branch, Excursion, Kind, Open, Path, ReopenedError, Step
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.resets import step_of

RETURN_MS = 35 * DAY_MS
"""A counter that comes back to its level within this time was away on an excursion."""
CONFIRM_SAMPLES, CONFIRM_MS = 3, 10 * 60_000
"""So many samples over at least this time, which agree with each other, decide about a suspected run."""
_MOST_CHAINS = 8
FORGET_SAMPLES, FORGET_MS = 24, DAY_MS
"""Suspected samples that decided nothing, so many and over so long, are no longer held against what follows: a counter whose
values never agree again costs a day of reading and not its life. After so many of them, one that could follow from the level is
no return, since any value could at some time: it must be confirmed too."""


@dataclass(slots=True)
class _Chain:
    """Suspected samples that agree with each other: their number and ends, and the level they reached."""

    samples: list[Sample]
    at: int
    level: int

    @property
    def decides(self) -> bool:
        return len(self.samples) >= CONFIRM_SAMPLES and self.samples[-1][0] - self.samples[0][0] >= CONFIRM_MS


class _Walk:
    """One walk along the samples; see `follow`."""

    def __init__(self, limits: Limits, branches: Sequence[Branch], lower_at: int | None) -> None:
        self.limits = limits
        self.path = Path(branches=list(branches))
        self.chains: list[_Chain] = []
        self.run: list[Sample] = []
        self.forgotten = 0
        self.resume: int | None = None
        self.lower_at = lower_at

    def begin(self, sample: Sample) -> None:
        self.path.times.append(sample[0])
        self.path.levels.append(sample[1])

    def accept(self, sample: Sample) -> None:
        """Let a sample count; noise below the level leaves it where it is."""
        self.path.times.append(sample[0])
        self.path.levels.append(max(self.path.levels[-1], sample[1]))

    def suspect(self, sample: Sample) -> None:
        """Keep a sample that disagrees with the level, and decide if enough of them agree with each other."""
        self._forget(sample)
        self.run.append(sample)
        limits = self.limits
        path = self.path
        least = path.levels[-1] if limits.agrees(path.times[-1], path.levels[-1], sample) else None
        known = (chain for chain in self.chains if least is None or chain.level >= least)
        fitting = [chain for chain in known if limits.is_possible(chain.at, chain.level, sample)]
        if fitting:
            chain = max(fitting, key=lambda one: one.level)
            chain.samples.append(sample)
            chain.at, chain.level = (sample[0], sample[1]) if sample[1] >= chain.level else (chain.at, chain.level)
        else:
            chain = _Chain([sample], *sample)
        others = [one for one in self.chains if one is not chain]
        self.chains = [*others[1 - _MOST_CHAINS :], chain]  # the one that was added to longest ago goes
        if chain.decides:
            self._decide(chain)

    def _forget(self, sample: Sample) -> None:
        """Let go of chains that decided nothing in a day: this sample begins a new one."""
        hour = sample[0] // HOUR_MS * HOUR_MS
        if len(self.run) - self.forgotten >= FORGET_SAMPLES:
            since = self.run[0][0] // HOUR_MS * HOUR_MS if self.resume is None else self.resume
            if hour - since >= FORGET_MS:
                self.forget(hour)

    def forget(self, hour: int) -> None:
        """Hold only what is suspected from an hour on against what follows."""
        self.chains, self.forgotten, self.resume = [], len(self.run), hour

    def _end_run(self) -> None:
        self.run, self.chains, self.forgotten, self.resume = [], [], 0, None

    def doubts(self, sample: Sample) -> bool:
        """Whether a sample that may follow from the level may also belong to what left it, or to a level that was left before."""
        if self.resume is not None or len(self.run) >= FORGET_SAMPLES:
            return True
        rise = sample[1] - self.path.levels[-1]
        return (bool(self.run) and self._goes_on(sample)) or (rise > self.limits.step and self._may_return(sample))

    def _goes_on(self, sample: Sample) -> bool:
        """Whether a sample that may follow from the level is nearer to suspected ones that it may follow from as well."""
        rise = sample[1] - self.path.levels[-1]
        return any(sample[1] - chain.level < rise and self.limits.is_possible(chain.at, chain.level, sample) for chain in self.chains)

    def _may_return(self, sample: Sample) -> bool:
        """Whether a counter that counted nothing since it left a level is back at that level, though it might have climbed there."""
        level, limits = self.path.levels[-1], self.limits
        return any(
            level <= one.after + limits.step < one.level and sample[0] - one.at <= RETURN_MS and limits.agrees(one.at, one.level, sample)
            for one in self.path.branches
        )

    def come_back(self, until: int) -> None:
        """The level was reached again: what was suspected was an excursion."""
        if self.run:
            self._excursion(len(self.path.times) - 1, self.run, until)
            self._end_run()

    @property
    def open(self) -> Open:
        """What nothing decided yet."""
        run = self.run
        return Open(self.path.times[-1], self.path.levels[-1], run[0][0], run[0][1], run[-1][0], self.resume)

    def _excursion(self, index: int, samples: Sequence[Sample], until: int) -> None:
        path = self.path
        found = Excursion(path.times[index], samples[0][0], until, path.levels[index], samples[0][1], len(samples))
        path.excursions.append(found)

    def _decide(self, chain: _Chain) -> None:
        first = chain.samples[0]
        agreeing = set(chain.samples)
        outside = [sample for sample in self.run if sample not in agreeing]
        self._end_run()
        if not self._returns(first, outside):
            before = [sample for sample in outside if sample[0] < first[0]]
            if before:
                self._excursion(len(self.path.times) - 1, before, first[0])
            self._step(first)
        for sample in chain.samples[1:]:
            self.accept(sample)
        inside = [sample for sample in outside if sample[0] > first[0]]
        if inside:
            self._excursion(bisect_left(self.path.times, inside[0][0]) - 1, inside, chain.samples[-1][0])

    def _returns(self, first: Sample, outside: Sequence[Sample]) -> bool:
        """Whether a decided run is a way back: to the points just before it, or to a level that was left by a decision."""
        branch = self._just_before(first) or self._left(first)
        if branch is None:
            return False
        if branch.point < 0:
            raise ReopenedError(branch)
        path, index = self.path, branch.point
        away = [*zip(path.times[index + 1 :], path.levels[index + 1 :], strict=True), *(s for s in outside if s[0] < first[0])]
        del path.times[index + 1 :], path.levels[index + 1 :]
        path.steps = {at: step for at, step in path.steps.items() if at <= index}
        path.excursions = [one for one in path.excursions if one.until <= path.times[index]]
        path.branches = [one for one in path.branches if one.point < index]
        self._excursion(index, away, first[0])
        self.accept(first)
        return True

    def _just_before(self, first: Sample) -> Branch | None:
        """The last point that a fallen run can follow from, if the points after it are too few to have been confirmed."""
        path = self.path
        last = len(path.times) - 1
        if first[1] >= path.levels[last]:
            return None
        for index in range(last - 1, -1, -1):
            if index + 1 in path.steps:
                return None
            after = last - index
            if after >= CONFIRM_SAMPLES and path.times[last] - path.times[index + 1] >= CONFIRM_MS:
                return None
            if self.limits.is_possible(path.times[index], path.levels[index], first):
                return Branch(path.times[index], path.levels[index], first[1], index)
        return None

    def _left(self, first: Sample) -> Branch | None:
        """A level that was left by a decision and that a run is back at by a step; what climbs on from above it is no return."""
        since, level = self.path.times[-1], self.path.levels[-1]
        for branch in reversed(self.path.branches):
            climbs = level > branch.level and self.limits.is_possible(since, level, first)
            if not climbs and first[0] - branch.at <= RETURN_MS and self.limits.is_possible(branch.at, branch.level, first):
                return branch
        return None

    def _step(self, first: Sample) -> None:
        """A new level without a way back: the counter turned over, began anew, jumped or fell."""
        path, limits = self.path, self.limits
        since, level = path.times[-1], path.levels[-1]
        begin = self.flat_since(len(path.times) - 1)
        if limits.agrees(since, level, first):
            self.accept(first)
            return
        if first[1] > level and since - begin > limits.measured_gap and limits.agrees(begin, level, first):
            self._catch_up(begin, first)
            return
        if first[1] > level and limits.is_possible(since, level, first):
            self.accept(first)
            return
        if first[1] > level and since - begin > limits.measured_gap and limits.is_possible(begin, level, first):
            self._catch_up(begin, first)
            return
        path.branches.append(Branch(since, level, first[1], len(path.times) - 1))
        path.times.append(first[0])
        path.levels.append(first[1])
        path.steps[len(path.times) - 1] = step_of(since, level, first, limits)

    def _catch_up(self, begin: int, first: Sample) -> None:
        """A counter that stood rose at once by what its branch can have drawn meanwhile: one gap, which its usual use may doubt."""
        path = self.path
        if begin < path.times[0]:
            raise ReopenedError(Branch(begin, path.levels[0]))
        index = bisect_left(path.times, begin)
        while path.levels[index] != path.levels[-1]:  # a recorded change and the counter's first value share a time
            index += 1
        del path.times[index + 1 :], path.levels[index + 1 :]
        path.excursions = [one for one in path.excursions if one.until <= begin]
        path.times.append(first[0])
        path.levels.append(first[1])
        path.steps[len(path.times) - 1] = Step(Kind.FROZEN, first[1] - path.levels[index])

    def flat_since(self, index: int) -> int:
        """Since when the counter has stood at the level of a point, ms."""
        path, level = self.path, self.path.levels[index]
        while index > 0 and path.levels[index - 1] == level and index not in path.steps:
            index -= 1
        if index == 0 and self.lower_at is not None:
            return min(self.lower_at, path.times[0])
        return path.times[index]


def follow(
    samples: Sequence[Sample],
    limits: Limits,
    breaks: Sequence[Break] = (),
    branches: Sequence[Branch] = (),
    lower_at: int | None = None,
) -> Path:
    """Walk along a counter's samples.

    Args:
        samples: Strictly ascending in time; the first one counts.
        limits: What the counter can do.
        breaks: Recorded changes, each placed between two samples, ascending.
        branches: Levels before the samples that the counter may come back to.
        lower_at: When the counter was last below its first sample's value; None if that is not known.

    Raises:
        ReopenedError: The counter came back to one of `branches`: begin there.
        ValueError: The samples do not ascend.
    """
    if any(a[0] >= b[0] for a, b in pairwise(samples)):
        raise ValueError("counter samples: expected strictly ascending times")
    walk = _Walk(limits, branches, lower_at)
    if not samples:
        return walk.path
    walk.begin(samples[0])
    times, levels = walk.path.times, walk.path.levels
    step, rate = limits.step, limits.rate
    pending = list(breaks)[::-1]
    for sample in samples[1:]:
        placed: int | None = None
        while pending and sample[0] >= pending[-1].at:
            placed = pending[-1].at
            _change(walk, pending.pop())
        if placed == sample[0]:  # it was found by this sample, whatever the steps of a pass that looks back at it
            walk.accept(sample)
            continue
        if pending and sample[0] > pending[-1].since:
            continue  # shown while the meter was changed
        rise = sample[1] - levels[-1]
        agrees = -step <= rise and (rate is None or (rise - step) * HOUR_MS < rate * (sample[0] - times[-1]) + HOUR_MS)
        if not agrees or ((walk.run or walk.path.branches) and walk.doubts(sample)):
            walk.suspect(sample)
            continue
        if walk.run:
            walk.come_back(sample[0])
        times.append(sample[0])
        levels.append(levels[-1] if rise < 0 else sample[1])
    if walk.run:
        walk.path.open = walk.open
    return walk.path


def still_open(run: Open, samples: Sequence[Sample], limits: Limits, branches: Sequence[Branch]) -> Open | None:
    """What nothing decided yet, with the samples that followed; None if one of them counts or decides: then all is walked along.

    Args:
        run: With a time to resume at.
        samples: All from that time on.
        limits: What the counter can do.
        branches: Levels before the run that the counter may come back to.
    """
    walk = _Walk(limits, branches, None)
    walk.begin((run.since, run.level))
    walk.run.append((run.at, run.shown))
    walk.forget(run.resume or run.at)
    for sample in samples:
        if limits.agrees(run.since, run.level, sample) and not walk.doubts(sample):
            return None
        try:
            walk.suspect(sample)
        except ReopenedError:
            return None
        if not walk.run:
            return None
    return walk.open


def _change(walk: _Walk, change: Break) -> None:
    """Count up to a recorded change and go on from the counter's first value after it."""
    path = walk.path
    walk.come_back(change.moment)
    last = max(change.last, path.levels[-1])
    path.times += [change.moment, change.moment]
    path.levels += [last, change.first]
    path.steps[len(path.times) - 1] = Step(None, 0, certain=True)
    path.branches.clear()
