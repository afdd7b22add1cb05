"""Whether the database takes rows of the kinds that ingest writes: a message that it refuses then is at fault itself."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.platform.database import writing

_WRITTEN = (
    devices_tables.birth,
    devices_tables.node,
    devices_tables.device,
    devices_tables.device_state,
    ledger_tables.touched,
    devices_tables.clock_offset,
    devices_tables.latest,
    devices_tables.event,
    devices_tables.rejected_reading,
)
_NAME = "/trial"
"""In columns of texts; no id of an edge node or device holds a slash."""


def try_rows(engine: sa.Engine) -> None:
    """Write a row into each table that ingest writes, and take all back.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: One of them is refused.
    """
    with writing(engine).connect() as connection, connection.begin() as transaction:
        for table in _WRITTEN:
            connection.execute(sa.insert(table).values(_row(table)))
        transaction.rollback()


def _row(table: sa.Table) -> dict[str, Any]:
    """The least that a row must have."""
    needed = (column for column in table.columns if not column.nullable and column is not table.autoincrement_column)
    return {column.name: _NAME if column.type.python_type is str else column.type.python_type() for column in needed}
