"""Whether a counter that left its level turned over, began anew, jumped or fell, and what is counted of it."""

from __future__ import annotations

from cloud.ledger.limits import Limits, Sample
from cloud.ledger.path import Kind, Step


def step_of(since: int, level: int, first: Sample, limits: Limits) -> Step:
    """What a counter did that left its level for another one, and what is counted of it.

    A fall is a rollover if the modulus is known and its branch can have used that much; a reset if it can have used what the
    new counter shows; else nobody knows. Within a gap a reset hides what was used before it, so the usual use is asked for.
    """
    at, value = first
    most, gap = limits.most(at - since), at - since > limits.measured_gap
    if value > level:
        return Step(Kind.JUMP, None)
    if limits.modulus is not None and level < limits.modulus:
        over = value + limits.modulus - level
        if most is None or over <= most + limits.step:
            return Step(Kind.ROLLOVER, None if gap else over, over, not gap)
    if value >= 0 and (2 * value <= level if most is None else value <= most + limits.step):
        return Step(Kind.RESET, None if gap else value, value)
    return Step(Kind.FALL, None)
