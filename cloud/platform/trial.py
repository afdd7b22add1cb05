"""Whether a database takes rows of some kinds at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

_NAME = "/trial"
"""In columns of texts; no id of an edge node or device holds a slash."""


def try_rows(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Write the least row that each table takes; the caller takes all back.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: One of them is refused.
    """
    for table in tables:
        connection.execute(sa.insert(table).values(_row(table)))


def _row(table: sa.Table) -> dict[str, Any]:
    needed = (column for column in table.columns if not column.nullable and column is not table.autoincrement_column)
    return {column.name: _NAME if column.type.python_type is str else column.type.python_type() for column in needed}
