"""Events of devices, meters and nodes, and readings that the store refused: kept, corrected and forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cloud.devices.model import NewEvent
from cloud.devices.tables import event, rejected_reading
from cloud.platform.database import inserting
from cloud.platform.histories import move

_COUNTED = "counter_"
"""How the kinds of events begin whose subject is a meter."""
_KEY = ("kind", "grp", "subject", "at")
_COLUMNS = (*_KEY, "detail", "noted_at")
_FIRST, _END = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first", "end"))
_OF, _GROUP = sa.bindparam("of", type_=sa.String), sa.bindparam("group", type_=sa.String)


def put(connection: sa.Connection, events: Sequence[Mapping[str, Any]]) -> None:
    """Keep events by kind, group (`grp`), subject and time (`at`); one that is there gets the other columns, which all must have."""
    if not events:
        return
    insert = inserting(connection, event)
    new = {name: insert.excluded[name] for name in events[0] if name not in _KEY}
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=new), events)


def renew(connection: sa.Connection, one: NewEvent) -> None:
    """Keep an event; one that is there says what this one says, and was noted then."""
    put(connection, [_row(one)])


def note(connection: sa.Connection, events: Sequence[NewEvent]) -> None:
    """Keep events; one that is there was noted again, and says what it said."""
    if events:
        insert = inserting(connection, event)
        again = insert.on_conflict_do_update(index_elements=_KEY, set_={"noted_at": insert.excluded.noted_at})
        connection.execute(again, [_row(one) for one in events])


def add(connection: sa.Connection, one: NewEvent) -> None:
    """Keep an event that is not there yet."""
    connection.execute(sa.insert(event).values(_row(one)))


def _row(one: NewEvent) -> dict[str, Any]:
    return dict(zip(_COLUMNS, one, strict=True))


def remove(connection: sa.Connection, kind: str, group: str, subject: str, at: int) -> None:
    """Forget one event by its kind, group, subject and time (ms)."""
    mine = (event.c.kind == kind, event.c.grp == group, event.c.subject == subject, event.c.at == at)
    connection.execute(sa.delete(event).where(*mine))


def forget_noted(connection: sa.Connection, kind: str, spans: Sequence[Mapping[str, Any]]) -> None:
    """Forget events of a kind that were noted in spans with `group`, `of` (the subject), `first` and `last`: both included, ms."""
    if spans:
        within = event.c.noted_at.between(sa.bindparam("first"), sa.bindparam("last"))
        mine = (event.c.kind == kind, event.c.grp == sa.bindparam("group"), event.c.subject == sa.bindparam("of"), within)
        connection.execute(sa.delete(event).where(*mine), spans)


def withdraw(
    connection: sa.Connection, group: str, subject: str, kinds: Collection[str], since: int, spans: Collection[tuple[int, int]]
) -> None:
    """Forget events of some kinds of a subject: those that were noted from a time on, and those that are dated in spans (ms, included)."""
    column = event.c
    of_kind = sa.or_(*(column.kind == kind for kind in kinds))
    mine = sa.delete(event).where(column.grp == group, column.subject == subject, of_kind)
    connection.execute(mine.where(column.noted_at >= since))
    # one by one, since an expression may be only so deep and there may be thousands of spans
    within = mine.where(column.at.between(sa.bindparam("first"), sa.bindparam("last")))
    connection.execute(within, [{"first": first, "last": last} for first, last in sorted(spans)])


def forget(connection: sa.Connection, kinds: Collection[str], spans: Sequence[Mapping[str, Any]]) -> None:
    """Forget events of some kinds, in spans with `group`, `of` (the subject), `first` and `end`: after the first and until the end, ms."""
    connection.execute(_forget(tuple(kinds)), spans)


@lru_cache(maxsize=16)
def _forget(kinds: tuple[str, ...]) -> sa.Delete:
    """Built once: the ledger asks it with each thing that it writes, and to build it costs more than to execute it."""
    column = event.c
    of_kind = sa.or_(*(column.kind == kind for kind in kinds))
    mine = (of_kind, column.grp == _GROUP, column.subject == _OF, column.at > _FIRST, column.at <= _END)
    return sa.delete(event).where(*mine)


def rename_meter(connection: sa.Connection, group: str, old: str, new: str) -> None:
    """Let the events of a meter of a group name its new id; those of a device of the same id stay."""
    move(connection, event, "subject", group, old, new, where=event.c.kind.startswith(_COUNTED))


def of_day(connection: sa.Connection, group: str, kinds: Collection[str], day: int) -> list[tuple[str, str, str]]:
    """Kind, subject and detail of the events of some kinds that are dated by the begin of a day (ms)."""
    column = event.c
    today = sa.and_(column.grp == group, column.at == day, column.kind.in_(list(kinds)))
    return [(row.kind, row.subject, row.detail) for row in connection.execute(sa.select(event).where(today))]


def forget_rejected(connection: sa.Connection, before: int) -> None:
    """Let go the record of what was refused before a time (ms)."""
    connection.execute(sa.delete(rejected_reading).where(rejected_reading.c.received_at < before))
