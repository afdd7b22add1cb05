"""Whether the database takes rows of the kinds that ingest writes: a message that it refuses then is at fault itself."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.devices.repository import trial as devices
from cloud.ledger.repository import waiting
from cloud.platform.database import writing


def try_rows(engine: sa.Engine) -> None:
    """Write a row into each table that ingest writes, and take all back.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: One of them is refused.
    """
    with writing(engine).connect() as connection, connection.begin() as transaction:
        devices.try_rows(connection)
        waiting.try_row(connection)
        transaction.rollback()
