"""Rows that are written many at once: values arrive as SQLAlchemy's types have them, whatever the driver takes by itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from cloud.platform.database import insert, upsert, writing

_KINDS = sa.Table(
    "many_rows",
    sa.MetaData(),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("number", sa.Numeric(18, 4, asdecimal=False)),
    sa.Column("yes", sa.Boolean),
    sa.Column("bytes", sa.LargeBinary),
    sa.Column("count", sa.Integer),
)
_ROWS: list[dict[str, Any]] = [
    {"bytes": b"\x00%s", "id": "50 %", "number": Decimal("78.1250"), "yes": True, "count": 1},
    {"id": "?", "number": None, "yes": False, "bytes": None, "count": 2},
]


@pytest.fixture
def kinds(bare_database: sa.Engine) -> sa.Engine:
    """A database with the table."""
    _KINDS.create(bare_database)
    return bare_database


def _kept(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.select(_KINDS).order_by(_KINDS.c.count))]


def test_rows_keep_their_values_whatever_their_order_of_columns(kinds: sa.Engine) -> None:
    """Decimals, truth values, bytes and nothing come back as they are, though a row names its columns in an order of its own."""
    with writing(kinds).begin() as connection:
        insert(connection, _KINDS, _ROWS)
        insert(connection, _KINDS, [])

    assert _kept(kinds) == [("50 %", 78.125, True, b"\x00%s", 1), ("?", None, False, None, 2)]


def test_a_row_that_is_there_is_updated_grows_or_stays(kinds: sa.Engine) -> None:
    """An upsert updates; `add` counts up; `where` keeps what is newer; `keep` keeps what is there."""
    with writing(kinds).begin() as connection:
        insert(connection, _KINDS, _ROWS)
        upsert(connection, _KINDS, [{"id": "?", "number": 5, "count": 1}], where="count")
        upsert(connection, _KINDS, [{"id": "50 %", "number": 6, "count": 1}], add="count")
        upsert(connection, _KINDS, [{"id": "50 %", "number": 7}, {"id": "new", "number": 8}], keep=True)

    assert {row[0]: (row[1], row[4]) for row in _kept(kinds)} == {"50 %": (6.0, 2), "?": (None, 2), "new": (8.0, None)}


def test_many_rows_are_one_statement_for_five_thousand(kinds: sa.Engine) -> None:
    """The driver is asked once for each 5 000 rows."""
    asked: list[str] = []
    sa.event.listen(kinds, "before_cursor_execute", lambda *a: asked.append(a[2].split()[0]))
    with writing(kinds).begin() as connection:
        insert(connection, _KINDS, [{"id": str(number)} for number in range(5001)])

    assert asked.count("INSERT") == 2
    assert len(_kept(kinds)) == 5001
