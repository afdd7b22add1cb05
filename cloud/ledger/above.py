"""A rise over a longer time that is held against the meter's own use from above: what no use of its can have been is a jump.

The class's most fits every meter, so over days it lets another meter's life pass. A meter's own busiest hours say more, and the weeks
after a jump are as good as those before it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from cloud.ledger.counters import Rules
from cloud.ledger.learning import MARGIN
from cloud.ledger.levels import CONFIRM_SAMPLES
from cloud.ledger.limits import Limits
from cloud.ledger.path import Branch, Kind, Path, ReopenedError
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.standing import FOLLOWING, FROZEN_STEPS, Evidence
from cloud.ledger.usual import Usual

_MISSED = 2
"""A sample or two that were missed, so many of the longest gaps that are measured, are no silence: in it a branch may have done what it
seldom does."""
TIMES = MARGIN
"""A rise of more than so many times what the busiest hours around it would have used in that time is no consumption: as many as a
complete month's most has. Use that changes for good shows its new busiest hours in the weeks after."""
_TIMES_RECORDED = 4
"""The same of the recorded values of an exchange, since a quarter of an hour may have used what the busiest hour did."""


def own_most(limits: Limits, busiest: int | None) -> Limits:
    """What a counter can do, by its own busiest hour as well."""
    if busiest is None:
        return limits
    most = _TIMES_RECORDED * busiest
    return replace(limits, rate=most if limits.rate is None else min(most, limits.rate), ceiling=None)


class Doubt(NamedTuple):
    """What the usual use says of a rise.

    Attributes:
        amount: Counted in its place; None where the rise stands.
        basis: The end (ms) of the weeks that say so.
    """

    amount: int | None
    basis: int


def doubted(path: Path, index: int, rules: Rules, evidence: Evidence) -> Doubt | None:
    """Hold the rise to a point of a path against what the meter used around it; None where there is nothing to ask.

    Raises:
        ReopenedError: The counter stood since before the path: begin there.
    """
    since, at, usual = path.times[index - 1], path.times[index], evidence.usual
    rise = path.levels[index] - path.levels[index - 1]
    if usual is None or rise < FROZEN_STEPS * max(rules.limits.step, 1) or rules.is_idle(since, at) or not _is_steep(path, index):
        return None
    began, is_first = _stands_since(path, index - 1, evidence)
    is_new = is_first and (began < since or path.levels[index - 1] == 0 or index in path.steps)
    gap = rules.limits.measured_gap
    if not is_new and (at - began <= _MISSED * gap or (index not in path.steps and at - since <= gap)):
        return None
    drawn = None if evidence.drawn is None else evidence.drawn(began, at)
    if drawn is not None and rise <= TIMES * drawn:
        return None  # power or flow says so, whatever is usual
    basis, busiest = usual.basis(at), usual.busiest(since, at) or _learnt(rules.limits)
    if _is_explained(rise, began, at, busiest, usual) or (busiest is None and not is_new):
        return Doubt(None, basis)
    return Doubt(0 if is_new else usual.amount(since, at) or 0, basis)


def _learnt(limits: Limits) -> int | None:
    """The busiest hour of the month that taught the most; None where that is no month's."""
    return None if limits.ceiling is None or not limits.rate else limits.rate // MARGIN


def _is_explained(rise: int, began: int, at: int, busiest: int | None, usual: Usual) -> bool:
    """Whether the busiest hours around, or the same weeks of the year before, may be behind a rise."""
    if busiest is not None and rise * HOUR_MS <= TIMES * busiest * (at - began):
        return True
    return rise <= TIMES * (usual.a_year_before(began, at) or 0)


def _is_steep(path: Path, index: int) -> bool:
    """Whether a rise is much steeper than those that follow, which costs no question to the store; recorded changes are passed over.

    Before a counter caught up it stood: that it did is known, however many points a later pass has of it.
    """
    times, levels, followed, lasted, points = path.times, path.levels, 0, 0, 0
    for one in range(index + 1, min(index + 2 + FOLLOWING, len(times))):
        step = path.steps.get(one)
        if points < FOLLOWING and (step is None or step.kind is Kind.FROZEN):
            followed += levels[one] - levels[one - 1] if step is None else 0
            lasted += times[one] - times[one - 1]
            points += 1 if step is None else FOLLOWING
    if points < CONFIRM_SAMPLES - 1:  # so many follow where a level is decided
        return False
    return (levels[index] - levels[index - 1]) * lasted > TIMES * followed * (times[index] - times[index - 1])


def _stands_since(path: Path, index: int, evidence: Evidence) -> tuple[int, bool]:
    """Since when (ms) the counter has shown the level of a point, and whether it never showed another one before."""
    level, lower_at = path.levels[index], evidence.lower_at
    while index > 0 and path.levels[index - 1] == level and index not in path.steps:
        index -= 1
    if index > 0 or lower_at is None:
        return path.times[index], index == 0
    if lower_at < path.times[0]:
        raise ReopenedError(Branch(lower_at, level))
    return path.times[0], evidence.lower is None
