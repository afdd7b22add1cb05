"""What was judged, told and stamped by a time that is not believed any more is taken back, in one transaction with the doubt."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from cloud.accounts.repository import audited, done
from cloud.devices.clocks import JUDGED, OF_CLOCKS, TOLERANCE, Offset
from cloud.devices.own_clock import WHY, Moved
from cloud.devices.queries.clocks import closed_since
from cloud.devices.repository import clocks, events, readings
from cloud.ledger.clock_offsets import count_anew
from cloud.ledger.periods import HOUR_MS
from contract.clock import iso

BringForward = Callable[[sa.Connection, int, int], None]
"""What is done, in the same transaction, about moments that somebody waits for, when the time that is believed moves back.

It is given the time (ms) as it is believed now, and by how much (ms, below 0) it moved.
"""
_ACTION = "clock_taken_back"
_SHOWN = 20
"""Times that a person is shown."""


def nobody_waits(_connection: sa.Connection, _now: int, _ms: int) -> None:
    """Where nobody waits for a moment."""


def taken_back(connection: sa.Connection) -> list[dict[str, Any]]:
    """The last times that judgements were taken back: when, by how many seconds the clock was off, of which sources, hours counted anew."""
    return [{"at": iso(row.at), **json.loads(row.detail)} for row in done(connection, _ACTION, limit=_SHOWN)]


def leapt_at(engine: sa.Engine, least: int) -> int | None:
    """When the time that the cloud believes moved last by `least` ms or more, ms; None if it never did."""
    with engine.connect() as connection:
        found = done(connection, _ACTION)
        return next((row.at for row in found if abs(json.loads(row.detail)["seconds"]) * 1000 >= least), None)


def take_back(connection: sa.Connection, moved: Moved, bring_forward: BringForward) -> dict[tuple[str, str], tuple[int, int]]:
    """Correct what was judged, told and stamped by the time before; hours are counted anew. What is stored already changes nothing.

    Args:
        connection: In a transaction that writes.
        moved: How the time moved.
        bring_forward: For those who wait for a moment by a clock that was ahead: they would wait too long.

    Returns:
        First and last time (ms, by the source) of readings that were marked suspect for nothing, by (group, source).
    """
    if _stored(connection, moved):
        return {}
    all_taken = {key: list(rows) for key, rows in moved.taken.items()}
    for key, rows in _closed(connection, moved).items():
        all_taken.setdefault(key, []).extend(rows)
    hours = sum(count_anew(connection, *key, [span]) for key, span in moved.late.items())
    for (group, source), rows in all_taken.items():
        hours += count_anew(connection, group, source, [*rows, *map(moved.corrected, rows)])
    right = replace(moved, taken=all_taken).right()
    _withdraw(connection, right, moved.since)
    readings.restamp(connection, moved)
    if moved.ms < 0:
        bring_forward(connection, moved.moved_to, moved.ms)
    detail: dict[str, object] = {
        "id": moved.id,
        "seconds": -moved.ms / 1000,
        "from": iso(moved.since),
        "to": iso(moved.until),
        "hours": hours,
        "sources": [f"{group}/{source}" for group, source in sorted(all_taken)],
    }
    audited(connection, _ACTION, detail, JUDGED, moved.moved_to, group=None)
    return {key: (min(row.start for row in rows), max(row.end for row in rows)) for key, rows in right.items()}


def _stored(connection: sa.Connection, moved: Moved) -> bool:
    """Whether a move was committed before: the answer to COMMIT may be lost, and then all is stored again."""
    same = done(connection, _ACTION, at=moved.moved_to)
    return any(json.loads(row.detail).get("id") == moved.id for row in same)


def _closed(connection: sa.Connection, moved: Moved) -> dict[tuple[str, str], list[Offset]]:
    """Correct judgements that ended; returns them as they were."""
    found: dict[tuple[str, str], list[Offset]] = {}
    for one in closed_since(connection, moved.since):
        if moved.follows(one.offset, one.began_at):
            found.setdefault((one.group, one.source), []).append(one.offset)
            clocks.replace(connection, one, replace(one, offset=moved.corrected(one.offset), why=WHY))
    return found


def _withdraw(connection: sa.Connection, right: Mapping[tuple[str, str], Sequence[Offset]], since: int) -> None:
    """Events that blamed others go, and with them their alerts: those of the judgements, and all since the time before was right last.

    An event is dated by the hour of receipt, which was by the time before, as is what a judgement made of its source's times.
    """
    for (group, source), rows in right.items():
        spans = {(row.true_time(row.start) // HOUR_MS * HOUR_MS, row.true_time(row.end) + TOLERANCE) for row in rows}
        events.withdraw(connection, group, source, OF_CLOCKS, since, spans)
