"""Times of receipt of newest readings, and of those that were refused."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.devices.clocks import TOLERANCE
from cloud.devices.own_clock import Moved
from cloud.devices.tables import latest, rejected_reading


def restamp(connection: sa.Connection, moved: Moved) -> None:
    """Correct times of receipt by the time before: of one that was behind only those before the measurement are surely its own."""
    for table in (latest, rejected_reading):
        column = table.c
        since = column.received_at.between(moved.since, moved.until)
        wrong = sa.and_(since, column.at > column.received_at + TOLERANCE) if moved.ms > 0 else since
        connection.execute(sa.update(table).where(wrong).values(received_at=column.received_at + moved.ms))
