"""From a counter's path to intervals with their provenance: gaps, steps and freezes are held against the usual use."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from cloud.ledger.above import doubted
from cloud.ledger.counters import HELD, SEAM, UNDECIDED, Interval, Judgement, Provenance, Rules
from cloud.ledger.path import Kind, Open, Path, Step
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.standing import Evidence, thaw

HELD_MS = DAY_MS
"""A longer gap in which a reset was possible is held against the usual use."""
_SLACK = 0.05
"""The usual use is known to about this part."""
_COINCIDENCE = 8
"""Another device's counter that goes on from more than so many times the usual use above the one before is not the same counter."""


@dataclass(slots=True)
class Judged:
    """What a path means.

    Attributes:
        steady: Measured from one point to the next within an hour, base units by begin of the hour.
        intervals: All others, in order of time.
        judgements: In order of time.
    """

    steady: dict[int, int] = field(default_factory=dict)
    intervals: list[Interval] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)


def judge(path: Path, rules: Rules, evidence: Evidence) -> Judged:
    """Intervals, and what was judged.

    Raises:
        ReopenedError: The counter stood since before the path and caught up: begin there.
    """
    found = Judged()
    consulted = thaw(path, rules, evidence, found.judgements)
    times, levels, gap, seams = path.times, path.levels, rules.limits.measured_gap, set(_seams(path, rules))
    begun = _begun(path)
    found.steady, others = _steady(path, gap, {*seams, *begun})
    for index in others:
        if index in seams and _count_seam(path, index, rules, evidence, found):
            continue
        if index in path.steps and path.steps[index].kind is not Kind.FROZEN:
            _count_step(path, index, rules, evidence, found, at_seam=index in seams)
        elif index not in path.steps and index not in begun and times[index] - times[index - 1] <= gap:
            found.intervals.append(Interval(times[index - 1], times[index], levels[index] - levels[index - 1], Provenance.MEASURED))
        else:
            _count_rise(path, index, rules, evidence, found)
    for number, one in enumerate(found.judgements):
        if one.kind == Kind.FROZEN and one.basis is None and one.since in consulted:
            found.judgements[number] = one._replace(basis=consulted[one.since])
    _add_excursions(path, found)
    if path.open is not None:
        found.judgements.append(undecided(path.open))
    found.judgements.sort(key=lambda one: (one.since, one.kind))
    return found


def _seams(path: Path, rules: Rules) -> Iterator[int]:
    """The indices of the points that end an interval over a seam which no recorded exchange explains."""
    for seam in rules.seams:
        index = bisect_left(path.times, seam)
        beside = (path.steps.get(one) for one in (index - 1, index, index + 1))
        if 0 < index < len(path.times) and not any(step is not None and step.kind is None for step in beside):
            yield index


def _count_seam(path: Path, index: int, rules: Rules, evidence: Evidence, found: Judged) -> bool:
    """Where another device's counter might have gone on from the one before: whether it rose so much that the usual use stands in."""
    step, since, at = path.steps.get(index), path.times[index - 1], path.times[index]
    if evidence.usual is None or (step is not None and step.kind is not Kind.FROZEN):
        return False
    before, after = path.levels[index - 1], path.levels[index]
    usual, basis = evidence.usual.amount(since, at), evidence.usual.basis(at)
    is_other = usual is not None and after - before > _COINCIDENCE * usual + rules.limits.step
    amount, stake = (usual or 0, after - before - (usual or 0)) if is_other else (after - before, 0)
    found.judgements.append(Judgement(SEAM, since, at, at, before, after, amount, stake, basis))
    if is_other:
        found.intervals.append(Interval(since, at, amount, Provenance.ESTIMATED))
    return is_other


def _begun(path: Path) -> list[int]:
    """The index of the point by which the counter left the 0 that a path begins with, if it does: what it shows then may be its life."""
    index = next((index for index, level in enumerate(path.levels) if level), 0)
    return [index] if index and index not in path.steps else []


def _steady(path: Path, gap: int, doubtful: Collection[int]) -> tuple[dict[int, int], list[int]]:
    """What was measured within hours, and the indices of the points that end any other interval: nearly all are of the first kind."""
    if len(path.times) < 2:  # noqa: PLR2004 (an interval has two ends)
        return {}, []
    times, levels = np.asarray(path.times, dtype=np.int64), np.asarray(path.levels, dtype=np.int64)
    hours = times[:-1] // HOUR_MS * HOUR_MS
    plain = (np.diff(times) <= gap) & (times[1:] <= hours + HOUR_MS)
    plain[[index - 1 for index in {*path.steps, *doubtful}]] = False
    hours, rises = hours[plain], np.diff(levels)[plain]
    starts = np.flatnonzero(np.diff(hours, prepend=-1))
    sums = np.add.reduceat(rises, starts) if len(starts) else rises
    return dict(zip(hours[starts].tolist(), sums.tolist(), strict=True)), (np.flatnonzero(~plain) + 1).tolist()


def undecided(run: Open) -> Judgement:
    """What is said of samples that nothing decided yet."""
    stake = abs(run.shown - run.level)
    return Judgement(UNDECIDED, run.since, run.at, run.last, run.level, run.shown, 0, stake, resume=run.resume)


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


def _count_step(path: Path, index: int, rules: Rules, evidence: Evidence, found: Judged, *, at_seam: bool) -> None:
    step, since, at = path.steps[index], path.times[index - 1], path.times[index]
    before, after = path.levels[index - 1], path.levels[index]
    if step.kind is None:
        return
    gap = at - since > rules.limits.measured_gap
    if step.amount is not None and not at_seam:  # what another device shows first was not used meanwhile
        provenance = Provenance.MEASURED if step.certain and not gap else Provenance.ESTIMATED
        found.intervals.append(Interval(since, at, step.amount, provenance))
        found.judgements.append(Judgement(step.kind, since, at, at, before, after, step.amount))
        return
    amount, stake = _instead(step, since, at, before, after, rules, evidence)
    found.intervals.append(Interval(since, at, amount, Provenance.ESTIMATED))
    basis = None if evidence.usual is None else evidence.usual.basis(at)
    found.judgements.append(Judgement(step.kind, since, at, at, before, after, amount, stake, basis))


def _count_rise(path: Path, index: int, rules: Rules, evidence: Evidence, found: Judged) -> None:
    """A rise over a gap or a standstill, or from a first 0: a jump, if it is beyond all that the meter uses."""
    since, at, step = path.times[index - 1], path.times[index], path.steps.get(index)
    before, after = path.levels[index - 1], path.levels[index]
    doubt = doubted(path, index, rules, evidence)
    if doubt is not None and doubt.amount is not None:
        found.intervals.append(Interval(since, at, doubt.amount, Provenance.ESTIMATED))
        found.judgements.append(Judgement(Kind.JUMP, since, at, at, before, after, doubt.amount, after - before, doubt.basis))
        return
    basis = None if doubt is None else doubt.basis
    if step is None:
        _count_gap(since, at, (before, after), rules, evidence, found, basis)
        return
    found.intervals.append(Interval(since, at, step.amount or 0, Provenance.ESTIMATED if step.least else Provenance.DISTRIBUTED))
    found.judgements.append(Judgement(Kind.FROZEN, since, at, at, before, after, step.amount or 0, step.least, basis))


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


def _count_gap(since: int, at: int, ends: tuple[int, int], rules: Rules, evidence: Evidence, found: Judged, basis: int | None) -> None:
    """A rise over a gap: measured as a whole, unless it is so small that the counter must have begun anew or turned unseen."""
    before, after = ends
    used, most, modulus = after - before, rules.limits.most(at - since), rules.limits.modulus
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
    elif basis is not None:
        found.judgements.append(Judgement(HELD, since, at, at, before, after, used, 0, basis))
    is_gap = at - since > rules.limits.measured_gap
    found.intervals.append(Interval(since, at, used, Provenance.DISTRIBUTED if is_gap else Provenance.MEASURED))


def _hides_reset(used: int, after: int, usual: int) -> bool:
    """Whether a rise is too small, and all that the counter shows may have been used in the gap.

    A counter that began anew lost at least what it showed before, so one that shows more than the usual use did not begin anew.
    """
    return used < (1 - _SLACK) * usual and after <= (1 + _SLACK) * usual
