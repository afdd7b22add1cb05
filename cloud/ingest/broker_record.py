"""Puts on record what the broker refused, within a bound."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from cloud.devices.broker_refusals import CONTESTED, OTHERS, REFUSED, Key, Told, detail_of, told_of
from cloud.devices.model import NewEvent
from cloud.devices.repository import events
from cloud.platform.database import writing

MOST = 50
"""Subjects of a kind and day that have a record of their own: strangers can have as many addresses as they like."""


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
        known = {(kind, who): told.number if (told := told_of(detail)) else 0 for kind, who, detail in today}
        for key, told in found.items():
            full = sum(kind == key.kind for kind, _ in known) >= MOST
            who = key.who if key in known or not full else OTHERS
            whole = Told(told.reason, told.detail, known.get((key.kind, who), 0) + told.number)
            events.renew(connection, NewEvent(key.kind, group, who, day, detail_of(whole), now))
            known[key.kind, who] = whole.number
