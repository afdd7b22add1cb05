"""Which errors say that the database cannot be used, and which that a statement or a row is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.platform.database import DOWN, open_database, writing

OF_THE_DATABASE = {
    "no such table": "INSERT INTO no_such_table VALUES (1)",
    "no such column": "SELECT no_such_column FROM store_check",
    "no key to update by": "INSERT INTO store_check (name, at) VALUES ('a', 1) ON CONFLICT (at) DO UPDATE SET at = 2",
}
OF_POSTGRES = {
    "no right": ("SET ROLE pg_monitor", "INSERT INTO store_check (name, at) VALUES ('a', 1)", "permission denied"),
    "no such schema": ("", "INSERT INTO no_schema.x VALUES (1)", "does not exist"),
    "read-only": ("SET TRANSACTION READ ONLY", "INSERT INTO store_check (name, at) VALUES ('a', 1)", "read-only"),
    "cancelled": ("SET LOCAL statement_timeout = 1", "SELECT pg_sleep(5)", "timeout"),
}
OF_THE_ROW = {
    "no value": "INSERT INTO store_check (name, at) VALUES ('a', NULL)",
    "no SQL": "INSERTED INTO store_check",
}


def failing(engine: sa.Engine, before: str, statement: str) -> None:
    with engine.connect() as connection:
        if before:
            connection.exec_driver_sql(before)
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("name", OF_THE_DATABASE)
def test_what_no_other_row_would_mend_is_the_databases(database: sa.Engine, name: str) -> None:
    """A restore that lost a table, a column or a key refuses every row."""
    with pytest.raises(DOWN):
        failing(database, "", OF_THE_DATABASE[name])


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", OF_POSTGRES)
def test_what_postgres_refuses_everybody_is_the_databases(database: sa.Engine, name: str) -> None:
    """Rights, schemas, states of the server."""
    before, statement, said = OF_POSTGRES[name]
    with pytest.raises(DOWN, match=said):
        failing(database, before, statement)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_plan_that_a_change_of_the_schema_made_worthless_is_the_databases(database: sa.Engine) -> None:
    """The driver keeps plans; the next connection makes new ones."""
    with database.connect() as connection:
        connection.exec_driver_sql("PREPARE kept AS SELECT * FROM store_check")
        connection.exec_driver_sql("EXECUTE kept")
        connection.exec_driver_sql("ALTER TABLE store_check ADD COLUMN more integer")
        with pytest.raises(DOWN, match="cached plan"):
            connection.exec_driver_sql("EXECUTE kept")


@pytest.mark.parametrize("name", OF_THE_ROW)
def test_what_another_row_would_not_meet_is_no_fault_of_the_database(database: sa.Engine, name: str) -> None:
    """To wait would mend nothing."""
    with pytest.raises(sa.exc.DBAPIError) as caught:
        failing(database, "", OF_THE_ROW[name])
    if name == "no SQL" and database.dialect.name == "sqlite":
        return  # which has one kind for this and for a missing table
    assert not isinstance(caught.value, DOWN)


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("sqlite", "SELECT " + " OR ".join(["1"] * 1100)),
        ("postgresql", "SELECT " + "(" * 20_000 + "1" + ")" * 20_000),
        ("postgresql", "SELECT row(" + ", ".join(["1"] * 1700) + ")"),
    ],
)
def test_a_statement_that_is_too_large_is_its_own_fault(open_registry: Callable[[str], sa.Engine], kind: str, statement: str) -> None:
    """The same statement would fail for ever: whoever waits for the database would wait for ever."""
    with pytest.raises(sa.exc.ProgrammingError):
        failing(open_registry(kind), "", statement)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_too_many_parameters_are_the_statements_fault(open_registry: Callable[[str], sa.Engine], kind: str) -> None:
    """Each database has its number of them."""
    table = sa.table("store_check", sa.column("at"))
    with pytest.raises(sa.exc.ProgrammingError), open_registry(kind).connect() as connection:
        connection.execute(sa.select(table).where(table.c.at.in_(range(300_000))))


def test_a_file_that_is_damaged_read_only_or_none_is_the_databases_fault(tmp_path: Path) -> None:
    """SQLite has another kind of error for each."""
    (tmp_path / "text.db").write_bytes(b"this is no database at all" * 1000)
    with pytest.raises(DOWN):
        failing(open_database(f"sqlite:///{tmp_path}/text.db"), "", "SELECT * FROM store_check")
    with sqlite3.connect(tmp_path / "good.db") as made:
        made.execute("CREATE TABLE store_check (name TEXT PRIMARY KEY, at INTEGER)")
    engine = open_database(f"sqlite:///{tmp_path}/good.db")
    with pytest.raises(DOWN, match="readonly"):
        failing(engine, "PRAGMA query_only = ON", "INSERT INTO store_check VALUES ('a', 1)")
    engine.dispose()
    with writing(engine).connect() as connection:
        found = connection.connection.driver_connection
        assert isinstance(found, sqlite3.Connection)
        found.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        with pytest.raises(DOWN, match="not authorized"):
            connection.exec_driver_sql("INSERT INTO store_check VALUES ('a', 1)")
        found.set_authorizer(None)
    engine.dispose()
