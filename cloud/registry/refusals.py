"""What the broker refused, on record as events: one a day for each address, or for each user whose password several clients use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.platform.database import writing

REFUSED: Literal["broker_refused"] = "broker_refused"
CONTESTED: Literal["broker_contested"] = "broker_contested"
OTHERS = "*"
"""Subject of all whose address is not known, and of all beyond `MOST`."""
MOST = 50
"""Subjects of a kind and day that have a record of their own: strangers can have as many addresses as they like."""


class Key(NamedTuple):
    """Which event: its kind, and who it is about."""

    kind: Literal["broker_refused", "broker_contested"]
    who: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a subject.

    Attributes:
        reason: Of the newest time, a key of the catalogue behind `broker.`.
        detail: Of the newest time: the client id that was asked for, or the address of who took over; empty where it is not known.
        number: How many times.
    """

    reason: str
    detail: str
    number: int = 1


def told_of(detail: str) -> Told:
    """What an event of these kinds says."""
    return Told(**json.loads(detail))


def record(engine: sa.Engine, group: str, found: Mapping[Key, Told], day: int, now: int) -> None:
    """Add what was told to the events of a day.

    Args:
        engine: The database.
        group: The site's.
        found: What is new.
        day: The day's begin, ms since 1970 in UTC.
        now: ms since 1970 in UTC.

    Raises:
        SQLAlchemyError: The database cannot be written; one of `database.DOWN` where it is away.
    """
    event = devices_tables.event.c
    with writing(engine).begin() as connection:
        today = sa.and_(event.grp == group, event.at == day, event.kind.in_((REFUSED, CONTESTED)))
        rows = connection.execute(sa.select(event.kind, event.subject, event.detail).where(today))
        known = {Key(row.kind, row.subject): told_of(row.detail).number for row in rows}
        for key, told in found.items():
            full = sum(kind == key.kind for kind, _ in known) >= MOST
            mine = Key(key.kind, key.who if key in known or not full else OTHERS)
            whole = Told(told.reason, told.detail, known.get(mine, 0) + told.number)
            values = {"detail": json.dumps(asdict(whole), ensure_ascii=False), "noted_at": now}
            if mine in known:
                which = sa.and_(today, event.kind == mine.kind, event.subject == mine.who)
                connection.execute(sa.update(devices_tables.event).where(which).values(values))
            else:
                row = {"kind": mine.kind, "grp": group, "subject": mine.who, "at": day}
                connection.execute(sa.insert(devices_tables.event).values(row | values))
            known[mine] = whole.number
