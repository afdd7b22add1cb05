"""Bringing the schema of the relational database up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cloud.platform.database import MIGRATIONS, writing

_LOCK = 0x6A79_6D69
"""PostgreSQL's advisory lock of migrations."""


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to a version, by default the newest; does nothing when it is.

    Of several that do so at once one does it, and the others wait.

    Raises:
        ValueError: What is kept cannot be brought there; nothing was changed.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine).connect() as connection, _keys_unchecked(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # whoever migrates a large ledger may take minutes
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.exec_driver_sql("SET LOCAL lock_timeout = '15s'")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise ValueError(f"the database cannot be migrated: a row of {broken[0]} would name none of {broken[2]}")


@contextmanager
def _keys_unchecked(connection: sa.Connection) -> Iterator[None]:
    """SQLite changes a table by writing it anew, which it refuses while others name its rows; within a transaction this cannot be said."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.cursor()
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.close()
