"""What the broker refused, on record as events: one a day for each address, or for each user whose password several clients use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sa

from cloud.devices.repository import events
from cloud.platform.database import writing
from contract.coded import Message, loads

REFUSED: Literal["broker_refused"] = "broker_refused"
CONTESTED: Literal["broker_contested"] = "broker_contested"
_TEXTS = "broker."
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
    said = loads(detail)
    return Told(said.code.removeprefix(_TEXTS), **said.form()["params"])


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
    with writing(engine).begin() as connection:
        today = events.of_day(connection, group, (REFUSED, CONTESTED), day)
        known = {(kind, who): told_of(detail).number for kind, who, detail in today}
        for key, told in found.items():
            full = sum(kind == key.kind for kind, _ in known) >= MOST
            who = key.who if key in known or not full else OTHERS
            whole = Told(told.reason, told.detail, known.get((key.kind, who), 0) + told.number)
            detail = Message(f"{_TEXTS}{whole.reason}", detail=whole.detail, number=whole.number).dumps()
            row = {"kind": key.kind, "grp": group, "subject": who, "at": day, "detail": detail, "noted_at": now}
            events.put(connection, [row])
            known[key.kind, who] = whole.number
