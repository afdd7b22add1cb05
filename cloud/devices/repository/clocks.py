"""How far clocks were off: kept, corrected and forgotten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud.devices.clocks import JUDGED, SET, ClockOffset, Offset, State
from cloud.devices.own_clock import OWN, OwnRow
from cloud.devices.tables import clock_offset
from cloud.platform.database import upsert

_COLUMN = clock_offset.c


def put(connection: sa.Connection, offsets: Sequence[ClockOffset]) -> None:
    """Keep offsets; each takes the place of one of the same source, start and giver, a judged one only if that truly began then too."""
    upsert(connection, clock_offset, [_row(one) for one in offsets])


def _row(one: ClockOffset) -> dict[str, Any]:
    return {
        "grp": one.group,
        "source": one.source,
        "valid_from": one.offset.start,
        "by": one.by,
        "began_at": one.began_at,
        "valid_to": one.offset.end,
        "offset_from_ms": one.offset.offset_from,
        "offset_to_ms": one.offset.offset_to,
        "state": one.state.value,
        "whole": one.offset.whole,
        "good": json.dumps({device: sorted(times) for device, times in one.good.items()}),
        "why": one.why,
        "recorded_at": one.recorded_at,
    }


def replace(connection: sa.Connection, before: ClockOffset, after: ClockOffset) -> None:
    """Keep an offset in the place of another."""
    row = _row(before)
    connection.execute(sa.delete(clock_offset).where(*(column == row[column.name] for column in clock_offset.primary_key.columns)))
    put(connection, [after])


def forget_unfinished(connection: sa.Connection, group: str, source: str) -> None:
    """Forget the judgement of a source that is not closed."""
    live = sa.and_(_COLUMN.grp == group, _COLUMN.source == source, _COLUMN.by == JUDGED, _COLUMN.state != State.CLOSED)
    connection.execute(sa.delete(clock_offset).where(live))


def forget_alike(connection: sa.Connection, group: str, source: str, offset: Offset) -> None:
    """Forget judgements of a source from the same time on that say about the same."""
    alike = _COLUMN.offset_from_ms.between(offset.offset_from - SET, offset.offset_from + SET)
    mine = sa.and_(_COLUMN.grp == group, _COLUMN.source == source, _COLUMN.by == JUDGED, _COLUMN.valid_from == offset.start)
    connection.execute(sa.delete(clock_offset).where(mine, alike))


def keep_own(connection: sa.Connection, rows: Sequence[OwnRow]) -> None:
    """Keep how far the cloud's own clock was off; of the rows from before only those given here stay open."""
    if not rows:
        return
    still = sa.and_(_COLUMN.source == OWN, _COLUMN.state == State.OPEN)
    connection.execute(sa.update(clock_offset).where(still).values(state=State.CLOSED.value))
    for row in rows:
        offset = Offset(row.start, row.end, row.offset, row.offset)
        put(connection, [ClockOffset("", OWN, offset, row.state, JUDGED, "", row.end - row.offset)])
