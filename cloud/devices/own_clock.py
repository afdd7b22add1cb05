"""How far the cloud's own clock was off, and what its judgements of others are worth once the time that it believes moves."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import NamedTuple

from cloud.devices.clocks import SET, TOLERANCE, Offset, State
from contract.coded import Message

OWN = "/cloud"
"""Its name among sources; no id of an edge node or device holds a slash."""
WHY = Message("reason.own_clock_off").dumps()
"""Why a judgement was corrected, as it is stored."""


class OwnRow(NamedTuple):
    """How far the cloud's clock was off for a while.

    Attributes:
        start: When it was found, ms, by that clock.
        end: When it was seen last, ms, by that clock.
        offset: That clock minus the time that was believed, ms.
        state: Open while it is so.
    """

    start: int
    end: int
    offset: int
    state: State


@dataclass(frozen=True, slots=True)
class Moved:
    """The time that the cloud believes moved: what was judged by the time before follows it.

    Attributes:
        ms: By how much.
        since: When the time before was right last, ms, by that time.
        until: When it moved, ms, by that time.
        taken: Judgements that were open and came of it, as they were; by (group, source).
        late: Spans (first and last time by the source) of readings that came late and of whose clock nothing was decided.
        sure: Whether it surely was right at `since`: then it was so before, and what was judged before stays.
        id: Tells whether it is stored already.
    """

    ms: int
    since: int
    until: int
    taken: dict[tuple[str, str], list[Offset]]
    late: dict[tuple[str, str], Offset]
    sure: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def moved_to(self) -> int:
        """When it moved, ms, by the time that is believed now."""
        return self.until + self.ms

    def follows(self, offset: Offset, began: int) -> bool:
        """Whether a judgement came of it: made since the time was right last, or as far off as that, of which nobody was sure, before."""
        return began >= self.since or (not self.sure and abs(offset.offset_from - self.ms) <= SET)

    def corrected(self, offset: Offset) -> Offset:
        """The judgement by the time that is believed now; of a clock that is right, it says 0, which admits what was suspect."""
        ends = offset.offset_from - self.ms, offset.offset_to - self.ms
        first, last = (0, 0) if max(map(abs, ends)) <= TOLERANCE else ends
        return Offset(offset.start, offset.end, first, last)

    def right(self) -> dict[tuple[str, str], list[Offset]]:
        """The judgements of clocks that are right."""
        found = {key: [row for row in rows if self.corrected(row).offset_from == 0] for key, rows in self.taken.items()}
        return {key: rows for key, rows in found.items() if rows}
