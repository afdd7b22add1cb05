"""Opening the relational database and bringing its schema up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite

MIGRATIONS = Path(__file__).with_name("migrations")
_PAGE = 5000


def open_database(url: str) -> sa.Engine:
    """An engine for `sqlite:///path` or `postgresql+psycopg://…`; SQLite runs in WAL with foreign keys checked."""
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _sqlite_settings)
        sa.event.listen(engine, "begin", _begin_at_once)
    return engine


def _sqlite_settings(connection: Any, _record: object) -> None:  # noqa: ANN401 (a DB-API connection)
    connection.isolation_level = None  # SQLAlchemy's BEGIN below is the only one
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 15000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_at_once(connection: sa.Connection) -> None:
    """Readers begin deferred; writers say so by `execution_options(writes=True)` and never fail half-way for the lock."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def writing(engine: sa.Engine) -> sa.Engine:
    """The engine for transactions that write."""
    return engine.execution_options(writes=True)


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version; does nothing when it is."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def schema_fault(engine: sa.Engine) -> str | None:
    """Why this version cannot work with a database's schema; None if it can. Reads only.

    Raises:
        sqlalchemy.exc.DatabaseError: The database cannot be opened.
    """
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    head, found = scripts.get_current_head(), None
    if path is None or Path(path).exists():  # SQLite makes the file of whoever asks
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    if found == head:
        return None
    if found is None:
        return "it has no schema yet: jieyue-cloud migrate"
    known = {script.revision for script in scripts.walk_revisions()}
    if found in known:
        return f"its schema is {found} and {head} is needed: jieyue-cloud migrate"
    return f"its schema is {found}, which is newer than this version of the service knows ({head})"


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    where: str | None = None,
    add: str | None = None,
    keep: bool = False,
) -> None:
    """Insert rows; a row whose primary key exists is updated.

    Args:
        connection: In a transaction that writes.
        table: Its primary key decides what is the same row.
        rows: All with the same columns.
        where: Column that must not be smaller than the stored one for the update to happen.
        add: Column that grows by one on each update.
        keep: A row whose primary key exists stays as it is.
    """
    keys = [c.name for c in table.primary_key.columns]
    insert = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
    if not rows:
        return
    changes: dict[str, Any] = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    if add:
        changes[add] = table.c[add] + 1
    condition = insert.excluded[where] >= table.c[where] if where else None
    statement = insert.on_conflict_do_update(index_elements=keys, set_=changes, where=condition)
    if keep or not changes:
        statement = insert.on_conflict_do_nothing(index_elements=keys)
    for start in range(0, len(rows), _PAGE):
        connection.execute(statement, list(rows[start : start + _PAGE]))
