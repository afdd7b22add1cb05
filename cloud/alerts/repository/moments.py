"""Moments that messages and rules wait for, once the time that the cloud believes moves back."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.alerts.repository import standing
from cloud.alerts.tables import alert_revision, alert_state, notification


def bring_forward(connection: sa.Connection, now: int, ms: int) -> None:
    """What waits for a moment by a clock that was ahead would wait too long: messages to people, and rules whose cause has to last.

    Args:
        connection: In the transaction that takes the time back.
        now: As it is believed now, ms since 1970 in UTC.
        ms: By how much the time moved, below 0; moments after `now` move as far.
    """
    standing.lock(connection)  # a round that decided by what was kept before would write it again over what is moved here
    state = alert_state.c
    for column in (notification.c.next_try, state.since, state.clear_since, state.seen):
        connection.execute(sa.update(column.table).where(column > now).values({column.name: column + ms}))
    connection.execute(alert_revision.update().values(number=alert_revision.c.number + 1))
