"""What others ask of commands."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.operations.tables import command

_UNFINISHED = ("queued", "sent")


def unfinished(connection: sa.Connection) -> int:
    """Number of commands without a result."""
    return connection.execute(sa.select(sa.func.count()).select_from(command).where(command.c.state.in_(_UNFINISHED))).scalar_one()
