"""What a counter's samples say: points that count, what happened between them, and what is not decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a counter did that is not counting."""

    ROLLOVER = "rollover"
    RESET = "reset"
    FALL = "fall"
    """Fell, but neither over its end nor to near nothing; its usual use is counted, somebody must look."""
    JUMP = "jump"
    """Rose faster than its branch can draw; its usual use is counted, somebody must look."""
    EXCURSION = "excursion"
    """Was away from its level and came back; what it showed meanwhile counts nothing."""
    FROZEN = "frozen"
    """Stood while something was used, and caught up in one step."""
    GAP = "gap"
    """Nothing was heard for more than a day; what it rose by is spread over the time."""
    SHORTFALL = "shortfall"
    """Rose over a gap by less than half of its usual use, where it may have begun anew or turned unseen."""


DECIDED = frozenset({Kind.ROLLOVER, Kind.RESET, Kind.JUMP, Kind.FALL})
"""Kinds by which a counter left a level that it may come back to."""


class Step(NamedTuple):
    """An interval whose use is not the difference of its ends.

    Attributes:
        kind: What the counter did in it; None at a recorded change.
        amount: What is counted, if that can be said from the two samples; None asks for the usual use of the interval.
        least: What was used at least, where the usual use is asked for.
        certain: Whether the amount is measured.
    """

    kind: Kind | None
    amount: int | None
    least: int = 0
    certain: bool = False


class Excursion(NamedTuple):
    """A time in which a counter showed what it had not counted: the level before it and after it, and what was shown first."""

    since: int
    at: int
    until: int
    level: int
    shown: int
    samples: int


class Open(NamedTuple):
    """Samples at the end that disagree with the level and that nothing has decided yet.

    Attributes:
        since: When the level was last reached.
        level: That level.
        at: Of the first of the samples.
        shown: By it.
        last: Time of the last of them.
        resume: Begin of the hour from which they are held against what follows; None if that is all of them.
    """

    since: int
    level: int
    at: int
    shown: int
    last: int
    resume: int | None = None


class Branch(NamedTuple):
    """A level that was left by a decision; a return to it within `RETURN_MS` reopens the decision.

    Attributes:
        at: When the level was last reached.
        level: That level.
        after: What the counter showed first after it.
        point: Index of its point in the path; -1 for one that lies before the path.
    """

    at: int
    level: int
    after: int = 0
    point: int = -1


class ReopenedError(Exception):
    """The counter came back to a level that lies before the samples; the path must begin there."""

    def __init__(self, branch: Branch) -> None:
        super().__init__(f"back at the level of {branch.at}")
        self.branch = branch


@dataclass(slots=True)
class Path:
    """What a counter's samples say: points that count, in order of time, and what happened between them.

    Attributes:
        times: Of the points, ms; two points share a time at a recorded change.
        levels: The level at each.
        steps: By the index of the point that an interval ends at.
        excursions: In order of time.
        open: What is not decided at the end.
        branches: Levels that a later sample may come back to.
    """

    times: list[int] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    steps: dict[int, Step] = field(default_factory=dict)
    excursions: list[Excursion] = field(default_factory=list)
    open: Open | None = None
    branches: list[Branch] = field(default_factory=list)
