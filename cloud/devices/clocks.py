"""How far the clocks of devices, terminals, bridges and gateways were off, and from when to when.

Telemetry keeps the time that a source gave. What is known of its clock is kept beside it, as dated rows: the ledger reads
through them, so a reading counts where it was really measured, and a judgement that was wrong can be recorded anew.

An offset is what the clock showed minus the true time, in ms: above 0 it was ahead. `start` and `end` of a row are times by
that same clock, as they stand in telemetry; between them the offset is linear.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

SET = 20_000
"""An offset that moved by more (ms) did not drift there: the clock was set, or began anew."""
TOLERANCE = 120_000
"""A lag beyond this (ms) is no delay of a network."""
JUDGED = "judged"
"""In `by`: the service found it out by itself."""
OF_CLOCKS = ("clock_fault", "clock_drift")
"""Kinds of events that say that a clock is off."""


class State(StrEnum):
    """How sure a row is."""

    UNDECIDED = "undecided"
    """Readings came late; a clock that is behind, or something that kept them. Offset 0; their hours are provisional."""
    OPEN = "open"
    """The clock is judged wrong, and the row grows with what it still says."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Offset:
    """How far a clock was off.

    Attributes:
        start: First time by that clock that it holds for, ms.
        end: Last such time, ms, included.
        offset_from: Clock minus truth at `start`, ms.
        offset_to: The same at `end`.
        good: Times of readings that were stored as good before the clock was judged; of good ones only these are corrected.
        whole: Whether all good readings from `start` to `end` are corrected too.
        judged: Id of the source whose clock was judged so; empty of what a person recorded.
    """

    start: int
    end: int
    offset_from: int
    offset_to: int
    good: frozenset[int] = frozenset()
    whole: bool = False
    judged: str = ""

    def true_time(self, at: int) -> int:
        """When that was, which the clock called `at`."""
        length = self.end - self.start
        drift = (self.offset_to - self.offset_from) * (at - self.start) // length if length else 0
        return at - self.offset_from - drift


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """An offset as it is kept: of whose clock, how sure it is, and who says so.

    Attributes:
        group: The district; empty of the cloud's own clock.
        source: Id of the device, terminal, bridge or gateway.
        offset: How far it was off.
        state: How sure that is.
        by: `JUDGED`, or who recorded it.
        why: The reason; may be empty.
        recorded_at: ms since 1970 in UTC.
        good: By device, times of readings that were stored as good before the clock was judged.
    """

    group: str
    source: str
    offset: Offset
    state: State
    by: str
    why: str
    recorded_at: int
    good: Mapping[str, Collection[int]] = field(default_factory=dict)

    @property
    def began_at(self) -> int:
        """What tells it from others of its source, giver and start, ms.

        A clock that lost its battery begins at the same time after each power cut, so what is judged is told apart by when it truly
        began. What a person records takes the place of what was recorded from the same time on.
        """
        return self.offset.true_time(self.offset.start) if self.by == JUDGED else 0


def corrected(at: int, offsets: Sequence[Offset]) -> int | None:
    """The true time of a doubtful reading, by the first row that covers its time; without one the time that it has.

    A clock that began anew shows times that it showed before, and nothing tells which readings are of which time: where judgements
    of one clock disagree by more than `SET`, the true time is None.

    Args:
        at: Time of measurement as the source gave it, ms since 1970 in UTC.
        offsets: What is known of the device's clock, in the order of `queries.clocks.load_offsets`.
    """
    covering = [row for row in offsets if row.start <= at <= row.end]
    if not covering:
        return at
    first, true = covering[0], covering[0].true_time(at)
    rivals = [row for row in covering if row.judged == first.judged] if first.judged else []
    return None if any(abs(row.true_time(at) - true) > SET for row in rivals) else true


def good_corrected(at: int, offsets: Sequence[Offset]) -> int:
    """The same of a reading that is stored as good: only rows that name it, or all of their span, hold for it.

    One that two judgements name is the later one's: it took the other's place in telemetry.
    """
    return next((row.true_time(at) for row in offsets if row.start <= at <= row.end and (row.whole or at in row.good)), at)
