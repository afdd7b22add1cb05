"""From a counter's path to intervals with their provenance: gaps, steps and freezes are held against the usual use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from cloud.ledger.counters import HELD, UNDECIDED, Interval, Judgement, Provenance, Rules
from cloud.ledger.levels import Branch, Kind, Path, ReopenedError, Step
from cloud.ledger.limits import Limits
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.usual import Usual

HELD_MS = DAY_MS
"""A longer gap in which a reset was possible is held against the usual use."""
_SLACK = 0.05
"""The usual use is known to about this part."""
FLAT_MS = 2 * HOUR_MS
"""A counter that stands for less is never called frozen."""
FLAT_UNSEEN_MS = 7 * DAY_MS
"""The same, while it stands and no power or flow says that something is used."""
FROZEN_STEPS = 20
"""A counter is suspected where so many of its steps were to be expected while it stood."""
_STEEP = 4
"""Catching up is so many times as steep as what follows."""
FOLLOWING = 3

Drawn = Callable[[int, int], int | None]
"""What power or flow says was used in [start, end), base units; None where it says nothing."""


@dataclass(slots=True)
class Judged:
    """What a path means.

    Attributes:
        intervals: In order of time.
        judgements: In order of time.
    """

    intervals: list[Interval] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known beside the samples.

    Attributes:
        usual: The meter's usual use.
        drawn: What its power or flow says; None for a meter without.
        lower_at: When the counter was last below its first sample's value; None if that is not known.
        stood: It showed that value already before its first sample.
    """

    usual: Usual | None = None
    drawn: Drawn | None = None
    lower_at: int | None = None
    stood: bool = False


def judge(path: Path, rules: Rules, evidence: Evidence) -> Judged:
    """Intervals, and what was judged.

    Raises:
        ReopenedError: The counter stood since before the path and caught up: begin there.
    """
    found = Judged()
    consulted = _thaw(path, rules, evidence, found)
    times, levels, gap = path.times, path.levels, rules.limits.measured_gap
    measured, append = Provenance.MEASURED, found.intervals.append
    for index in range(1, len(times)):
        since, at = times[index - 1], times[index]
        if index in path.steps:
            _count_step(path, index, rules, evidence, found)
        elif at - since <= gap:
            append(Interval(since, at, levels[index] - levels[index - 1], measured))
        else:
            _count_gap(since, at, (levels[index - 1], levels[index]), rules, evidence, found)
    for number, one in enumerate(found.judgements):
        if one.kind == Kind.FROZEN and one.since in consulted:
            found.judgements[number] = one._replace(basis=consulted[one.since])
    _add_excursions(path, found)
    if path.open is not None:
        run = path.open
        stake = abs(run.shown - run.level)
        found.judgements.append(Judgement(UNDECIDED, run.since, run.at, run.last, run.level, run.shown, 0, stake))
    found.judgements.sort(key=lambda one: (one.since, one.kind))
    return found


def _add_excursions(path: Path, found: Judged) -> None:
    """One judgement for all excursions that begin in one hour: a counter that flickers says it once.

    The hour is that of the first sample that was away, since a pass knows it whole; it may begin at the point just before.
    """
    joined: list[Judgement] = []
    for one in path.excursions:
        last = joined[-1] if joined else None
        if last is not None and (last.at // HOUR_MS == one.at // HOUR_MS or last.since == one.since):
            joined[-1] = last._replace(until=max(one.until, last.until))
        else:
            joined.append(Judgement(Kind.EXCURSION, one.since, one.at, one.until, one.level, one.shown, 0))
    found.judgements += joined


def _count_step(path: Path, index: int, rules: Rules, evidence: Evidence, found: Judged) -> None:
    step, since, at = path.steps[index], path.times[index - 1], path.times[index]
    before, after = path.levels[index - 1], path.levels[index]
    if step.kind is None:
        return
    gap = at - since > rules.limits.measured_gap
    if step.kind is Kind.FROZEN:
        found.intervals.append(Interval(since, at, step.amount or 0, Provenance.ESTIMATED if step.least else Provenance.DISTRIBUTED))
        found.judgements.append(Judgement(Kind.FROZEN, since, at, at, before, after, step.amount or 0, step.least))
        return
    if step.amount is not None:
        provenance = Provenance.MEASURED if step.certain and not gap else Provenance.ESTIMATED
        found.intervals.append(Interval(since, at, step.amount, provenance))
        found.judgements.append(Judgement(step.kind, since, at, at, before, after, step.amount))
        return
    amount, stake = _instead(step, since, at, before, after, rules, evidence)
    found.intervals.append(Interval(since, at, amount, Provenance.ESTIMATED))
    basis = None if evidence.usual is None else evidence.usual.basis(at)
    found.judgements.append(Judgement(step.kind, since, at, at, before, after, amount, stake, basis))


def _instead(step: Step, since: int, at: int, before: int, after: int, rules: Rules, evidence: Evidence) -> tuple[int, int]:
    """What is counted where the two ends do not say it, and the amount at stake."""
    usual = None if evidence.usual is None else evidence.usual.amount(since, at)
    if step.kind is Kind.ROLLOVER and rules.limits.modulus is not None:
        turned = _turned(step.least, usual, rules.limits.modulus, rules.limits.most(at - since))
        if turned is not None:
            return turned, turned if turned != step.least else 0
        return max(after, usual or 0), max(usual or 0, 1)
    if step.kind in {Kind.ROLLOVER, Kind.RESET}:
        amount = max(step.least, usual or 0)
        return amount, max(amount, 1)
    return usual or 0, max(abs(after - before), 1)


def _turned(over: int, usual: int | None, modulus: int, most: int | None) -> int | None:
    """Which number of whole turns comes nearest to the usual use; None where none comes within its half and its double."""
    if usual is None:
        return over
    turns = max(round((usual - over) / modulus), 0)
    amount = over + turns * modulus
    if most is not None and amount > most:
        amount = over
    return amount if usual <= 2 * amount and amount <= 2 * usual else None


def _count_gap(since: int, at: int, ends: tuple[int, int], rules: Rules, evidence: Evidence, found: Judged) -> None:
    """A rise over a gap: measured as a whole, unless it is so small that the counter must have begun anew or turned unseen."""
    before, after = ends
    used, most, modulus = after - before, rules.limits.most(at - since), rules.limits.modulus
    basis = None
    if at - since > HELD_MS and evidence.usual is not None and not rules.is_idle(since, at):
        anew = before > 0 and (most is None or after <= most)
        turned = modulus is not None and (most is None or used + modulus <= most)
        if anew or turned:
            usual, basis = evidence.usual.amount(since, at), evidence.usual.basis(at)
            if usual is not None and ((anew and _hides_reset(used, after, usual)) or (turned and 2 * used < usual)):
                found.intervals.append(Interval(since, at, usual, Provenance.ESTIMATED))
                found.judgements.append(Judgement(Kind.SHORTFALL, since, at, at, before, after, usual, usual - used, basis))
                return
    if at - since > HELD_MS:
        found.judgements.append(Judgement(Kind.GAP, since, at, at, before, after, used, 0, basis))
    found.intervals.append(Interval(since, at, used, Provenance.DISTRIBUTED))


def _hides_reset(used: int, after: int, usual: int) -> bool:
    """Whether a rise is too small, and all that the counter shows may have been used in the gap.

    A counter that began anew lost at least what it showed before, so one that shows more than the usual use did not begin anew.
    """
    return used < (1 - _SLACK) * usual and after <= (1 + _SLACK) * usual


def _thaw(path: Path, rules: Rules, evidence: Evidence, found: Judged) -> dict[int, int | None]:
    """Make gaps of the times in which the counter was frozen, and end the path where it still is.

    Returns:
        The end of the weeks that the usual use was taken from, by the begin of the gaps.
    """
    consulted: dict[int, int | None] = {}
    for index, end in reversed(list(_flats(path))):
        since, until = path.times[index], path.times[end]
        if index == 0 and evidence.lower_at is not None and (end > 0 or evidence.stood):
            since = min(since, evidence.lower_at)
        if until - since < FLAT_MS or rules.is_idle(since, until):
            continue
        following = end + 1 < len(path.times)
        if following and end + 1 in path.steps:
            continue
        expected, basis = _expected(path, end, since, rules, evidence, following=following)
        if expected is None or not is_suspected(expected, rules.limits):
            if basis is not None and following:
                if since < path.times[0]:
                    raise ReopenedError(Branch(since, path.levels[0]))
                found.judgements.append(Judgement(HELD, since, until, until, path.levels[end], path.levels[end], 0, 0, basis))
            continue
        if since < path.times[0]:
            raise ReopenedError(Branch(since, path.levels[0]))
        if following:
            _collapse(path, index, end + 1, expected)
            consulted[path.times[index]] = basis
        else:
            level = path.levels[index]
            found.judgements.append(Judgement(Kind.FROZEN, since, path.times[index + 1], until, level, level, 0, expected, basis))
            del path.times[index + 1 :], path.levels[index + 1 :]
    return consulted


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


def _expected(path: Path, end: int, since: int, rules: Rules, evidence: Evidence, *, following: bool) -> tuple[int | None, int | None]:
    """What was to be expected while the counter stood, and the end of the weeks that say so.

    The amount is None where nothing speaks for more than a rest; the weeks' end is None where they were not asked.
    """
    until, usual = path.times[end], evidence.usual
    if not following:
        return expected_standing(since, until, evidence)
    drawn = None if evidence.drawn is None else evidence.drawn(since, until)
    if drawn is not None or usual is None:
        return drawn, None
    caught_up = path.levels[end + 1] - path.levels[end]
    if caught_up < FROZEN_STEPS * max(rules.limits.step, 1) or not _steep(path, end):
        return None, None
    expected = _usual(usual, since, until)
    return None if expected is not None and 2 * caught_up < expected else expected, usual.basis(until)


def expected_standing(since: int, until: int, evidence: Evidence) -> tuple[int | None, int | None]:
    """The same for a counter that still stands: without power or flow, only a long rest is asked about."""
    drawn = None if evidence.drawn is None else evidence.drawn(since, until)
    if drawn is not None or evidence.usual is None or until - since < FLAT_UNSEEN_MS:
        return drawn, None
    return _usual(evidence.usual, since, until), evidence.usual.basis(until)


def _usual(usual: Usual, since: int, until: int) -> int | None:
    """What the same weeks of the year before used, else what the weeks around usually do."""
    expected = usual.a_year_before(since, until)
    return usual.amount(since, until) if expected is None else expected


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
        if index in path.steps or (levels[index] - levels[index - 1]) * lasted * _STEEP > rise * max(times[index] - times[index - 1], 1):
            return False
    return True


def _collapse(path: Path, index: int, end: int, expected: int) -> None:
    """One gap from where the counter stopped to where it went on; what it missed for good is estimated."""
    caught_up = path.levels[end] - path.levels[index]
    lost = expected - caught_up if 2 * caught_up < expected else 0
    taken = end - index - 1
    path.steps = {at if at <= index else at - taken: step for at, step in path.steps.items()}
    del path.times[index + 1 : end], path.levels[index + 1 : end]
    path.steps[index + 1] = Step(Kind.FROZEN, caught_up + lost, lost)
