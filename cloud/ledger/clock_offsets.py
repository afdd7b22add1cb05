"""What the ledger counts anew where another thing is known of a clock, and what people record of clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices.clocks import ClockOffset, Offset, State
from cloud.devices.queries.clocks import dated_by, groups_of, recorded
from cloud.devices.repository import clocks
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.queries.meters import counted_by
from cloud.ledger.repository import waiting
from cloud.platform.database import writing
from contract.clock import iso

LONGEST = 400 * DAY_MS
"""Of a row that a person records; gauges are not kept longer, and each hour of it is counted anew."""


class OffsetError(ValueError):
    """An offset that cannot be recorded; one line with the field and what was expected."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What somebody knows of a clock.

    Attributes:
        source: Id of the device, terminal, bridge or gateway.
        start: First time by that clock, as it stands in telemetry, ms.
        end: The time after the last, ms.
        offset_from: Clock minus truth at `start`, ms; above 0 it was ahead.
        offset_to: The same at `end`.
        whole: Whether readings that were stored as good are to be corrected too.
        why: The person's reason; may be empty.
    """

    source: str
    start: int
    end: int
    offset_from: int
    offset_to: int
    whole: bool = False
    why: str = ""


def record_offset(engine: sa.Engine, group: str, known: Recorded, by: str, now: int) -> int:
    """Record how far a clock was off; recorded again from the same time, it is corrected. Hours before and after count anew.

    Args:
        engine: Of the registry and ledger.
        group: The district.
        known: What is recorded.
        by: Who records it.
        now: ms since 1970 in UTC.

    Returns:
        Hours of meters that are counted anew.

    Raises:
        OffsetError: What is wrong, and with which field.
    """
    offset = _checked(known, now)
    with writing(engine).begin() as connection:
        if group not in groups_of(connection, known.source):
            raise OffsetError(f"source: expected a device or gateway of {group}, got {known.source!r}")
        earlier = recorded(connection, group, known.source, known.start)
        touched = count_anew(connection, group, known.source, [offset, *earlier])
        clocks.put(connection, [ClockOffset(group, known.source, offset, State.CLOSED, by, known.why, now)])
        detail: dict[str, object] = {"source": known.source, "from": iso(known.start), "to": iso(known.end), "why": known.why}
        detail |= {"offset_from_ms": known.offset_from, "offset_to_ms": known.offset_to, "whole": known.whole}
        audited(connection, "clock_offset", detail, by, now, group=group)
    return touched


def _checked(known: Recorded, now: int) -> Offset:
    if known.end <= known.start:
        raise OffsetError(f"to: expected a time after {iso(known.start)}, got {iso(known.end)}")
    if known.end - known.start > LONGEST:
        raise OffsetError(f"to: expected at most {LONGEST // DAY_MS} days after {iso(known.start)}, got {iso(known.end)}")
    offset = Offset(known.start, known.end - 1, known.offset_from, known.offset_to, whole=known.whole)
    ends = offset.true_time(offset.start), offset.true_time(offset.end)
    if ends[0] >= ends[1]:
        raise OffsetError(f"seconds: expected offsets that leave the order of times, got {iso(ends[0])} to {iso(ends[1])}")
    if ends[0] > now:
        raise OffsetError(f"seconds: expected true times until {iso(now)}, got {iso(ends[0])}; a clock that is ahead has an offset above 0")
    return offset


def count_anew(connection: sa.Connection, group: str, source: str, offsets: Sequence[Offset]) -> int:
    """Let the hours of a source's meters be counted anew from which readings go and into which they come; returns how many."""
    hours: set[int] = set()
    for row in offsets:
        for first, last in ((row.start, row.end), (row.true_time(row.start), row.true_time(row.end))):
            hours.update(range(first // HOUR_MS * HOUR_MS, last + 1, HOUR_MS))
    meters = counted_by(connection, group, dated_by(group, source))
    touched = [(meter, hour) for meter in meters for hour in sorted(hours)]
    waiting.touch(connection, touched)
    return len(touched)
