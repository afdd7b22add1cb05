"""How far the cloud's own clock was off: rows of `clock_offset` that belong to no district, and what follows when one ends or begins."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited, done
from cloud.alerts import tables as alerts_tables
from cloud.devices import tables as devices_tables
from cloud.platform.database import upsert
from cloud.registry.clocks import HOUR_MS, JUDGED, SET, TOLERANCE, Offset, State, as_row, touch
from contract.clock import iso

OWN = "/cloud"
"""Its name among sources; no id of an edge node or device holds a slash."""
WHY = "the cloud's own clock was off"
_TAKEN_BACK = "clock_taken_back"
_SHOWN = 20
"""Times that a person is shown."""
OF_CLOCKS = ("clock_fault", "clock_drift")
"""Kinds of events that say that a clock is off."""


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


def open_row(connection: sa.Connection) -> OwnRow | None:
    """How far the cloud's clock is off; None while it is right."""
    column = devices_tables.clock_offset.c
    query = sa.select(column.valid_from, column.valid_to, column.offset_to_ms)
    row = connection.execute(query.where(column.source == OWN, column.state == State.OPEN)).first()
    return None if row is None else OwnRow(*row, State.OPEN)


def keep(connection: sa.Connection, rows: Sequence[OwnRow]) -> None:
    """Keep rows; of those from before only the ones given here stay open."""
    if not rows:
        return
    column = devices_tables.clock_offset.c
    still = sa.and_(column.source == OWN, column.state == State.OPEN)
    connection.execute(sa.update(devices_tables.clock_offset).where(still).values(state=State.CLOSED.value))
    for row in rows:
        offset = Offset(row.start, row.end, row.offset, row.offset)
        upsert(connection, devices_tables.clock_offset, [as_row("", OWN, offset, row.state, JUDGED, "", row.end - row.offset)])


def taken_back(connection: sa.Connection) -> list[dict[str, Any]]:
    """The last times that judgements were taken back: when, by how many seconds the clock was off, of which sources, hours counted anew."""
    return [{"at": iso(row.at), **json.loads(row.detail)} for row in done(connection, _TAKEN_BACK, limit=_SHOWN)]


def leapt_at(engine: sa.Engine, least: int) -> int | None:
    """When the time that the cloud believes moved last by `least` ms or more, ms; None if it never did."""
    with engine.connect() as connection:
        found = done(connection, _TAKEN_BACK)
        return next((row.at for row in found if abs(json.loads(row.detail)["seconds"]) * 1000 >= least), None)


def take_back(connection: sa.Connection, moved: Moved) -> dict[tuple[str, str], tuple[int, int]]:
    """Correct what was judged, told and stamped by the time before; hours are counted anew. What is stored already changes nothing.

    Returns:
        First and last time (ms, by the source) of readings that were marked suspect for nothing, by (group, source).
    """
    if _stored(connection, moved):
        return {}
    all_taken = {key: list(rows) for key, rows in moved.taken.items()}
    for key, rows in _closed(connection, moved).items():
        all_taken.setdefault(key, []).extend(rows)
    taken = replace(moved, taken=all_taken)
    hours = sum(touch(connection, *key, [span]) for key, span in moved.late.items())
    for (group, source), rows in all_taken.items():
        hours += touch(connection, group, source, [*rows, *map(moved.corrected, rows)])
    right = taken.right()
    _withdraw(connection, right, moved)
    _restamp(connection, moved)
    if moved.ms < 0:
        _bring_forward(connection, moved)
    detail: dict[str, object] = {
        "id": moved.id,
        "seconds": -moved.ms / 1000,
        "from": iso(moved.since),
        "to": iso(moved.until),
        "hours": hours,
    }
    detail["sources"] = [f"{group}/{source}" for group, source in sorted(all_taken)]
    audited(connection, _TAKEN_BACK, detail, JUDGED, moved.moved_to)
    return {key: (min(row.start for row in rows), max(row.end for row in rows)) for key, rows in right.items()}


def _stored(connection: sa.Connection, moved: Moved) -> bool:
    """Whether a move was committed before: the answer to COMMIT may be lost, and then all is stored again."""
    same = done(connection, _TAKEN_BACK, at=moved.moved_to)
    return any(json.loads(row.detail).get("id") == moved.id for row in same)


def _closed(connection: sa.Connection, moved: Moved) -> dict[tuple[str, str], list[Offset]]:
    """Correct judgements that ended; returns them as they were."""
    column, found = devices_tables.clock_offset.c, dict[tuple[str, str], list[Offset]]()
    mine = (column.by == JUDGED, column.state == State.CLOSED, column.source != OWN, column.why == "", column.recorded_at >= moved.since)
    for row in connection.execute(sa.select(devices_tables.clock_offset).where(*mine)).mappings().all():
        offset = Offset(row["valid_from"], row["valid_to"], row["offset_from_ms"], row["offset_to_ms"])
        if moved.follows(offset, row["began_at"]):
            found.setdefault((row["grp"], row["source"]), []).append(offset)
            _replace(connection, row, moved.corrected(offset))
    return found


def _replace(connection: sa.Connection, row: sa.RowMapping, offset: Offset) -> None:
    table = devices_tables.clock_offset
    connection.execute(sa.delete(table).where(*(column == row[column.name] for column in table.primary_key.columns)))
    good: dict[str, Any] = as_row(row["grp"], row["source"], offset, State.CLOSED, JUDGED, WHY, row["recorded_at"], row["good"])
    upsert(connection, table, [good])


def _withdraw(connection: sa.Connection, right: Mapping[tuple[str, str], Sequence[Offset]], moved: Moved) -> None:
    """Events that blamed others go, and with them their alerts: those of the judgements, and all since the time before was right last.

    An event is dated by the hour of receipt, which was by the time before, as is what a judgement made of its source's times.
    """
    column = devices_tables.event.c
    of_clocks = sa.or_(*(column.kind == kind for kind in OF_CLOCKS))
    for (group, source), rows in right.items():
        mine = sa.delete(devices_tables.event).where(column.grp == group, column.subject == source, of_clocks)
        connection.execute(mine.where(column.noted_at >= moved.since))
        spans = {(row.true_time(row.start) // HOUR_MS * HOUR_MS, row.true_time(row.end) + TOLERANCE) for row in rows}
        # one by one, since an expression may be only so deep and there may be thousands of judgements
        within = mine.where(column.at.between(sa.bindparam("first"), sa.bindparam("last")))
        connection.execute(within, [{"first": first, "last": last} for first, last in sorted(spans)])


def _restamp(connection: sa.Connection, moved: Moved) -> None:
    """Correct times of receipt by the time before: of one that was behind only those before the measurement are surely its own."""
    for table in (devices_tables.latest, devices_tables.rejected_reading):
        column = table.c
        since = column.received_at.between(moved.since, moved.until)
        wrong = sa.and_(since, column.at > column.received_at + TOLERANCE) if moved.ms > 0 else since
        connection.execute(sa.update(table).where(wrong).values(received_at=column.received_at + moved.ms))


def _bring_forward(connection: sa.Connection, moved: Moved) -> None:
    """What waits for a moment by a clock that was ahead would wait too long: messages to people, and rules whose cause has to last."""
    now = moved.moved_to
    state = alerts_tables.alert_state.c
    for column in (alerts_tables.notification.c.next_try, state.since, state.clear_since, state.seen):
        connection.execute(sa.update(column.table).where(column > now).values({column.name: column + moved.ms}))
