"""Events of devices, meters and nodes, and readings that the store refused: kept, corrected and forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cloud.devices.tables import event, rejected_reading
from cloud.platform.histories import move

_COUNTED = "counter_"
"""How the kinds of events begin whose subject is a meter."""
_KEY = ("kind", "grp", "subject", "at")
_FIRST, _END = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first", "end"))
_OF, _GROUP = sa.bindparam("of", type_=sa.String), sa.bindparam("group", type_=sa.String)


def put(connection: sa.Connection, events: Sequence[Mapping[str, Any]]) -> None:
    """Keep events by kind, group (`grp`), subject and time (`at`); one that is there gets the other columns, which all must have."""
    if not events:
        return
    insert = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(event)
    new = {name: insert.excluded[name] for name in events[0] if name not in _KEY}
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=new), events)


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


def rename_meter(connection: sa.Connection, old: str, new: str) -> None:
    """Let the events of a meter name its new id; those of a device of the same id stay."""
    move(connection, event, "subject", old, new, where=event.c.kind.startswith(_COUNTED))


def of_day(connection: sa.Connection, group: str, kinds: Collection[str], day: int) -> list[tuple[str, str, str]]:
    """Kind, subject and detail of the events of some kinds that are dated by the begin of a day (ms)."""
    column = event.c
    today = sa.and_(column.grp == group, column.at == day, column.kind.in_(list(kinds)))
    return [(row.kind, row.subject, row.detail) for row in connection.execute(sa.select(event).where(today))]


def forget_rejected(connection: sa.Connection, before: int) -> None:
    """Let go the record of what was refused before a time (ms)."""
    connection.execute(sa.delete(rejected_reading).where(rejected_reading.c.received_at < before))
