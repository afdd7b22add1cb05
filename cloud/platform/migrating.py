"""Bringing the schema of the relational database up to date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cloud.platform.database import MIGRATIONS, writing

_LOCK = 0x6A79_6D69
"""PostgreSQL's advisory lock of migrations."""


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to a version, by default the newest; does nothing when it is.

    Of several that do so at once one does it, and the others wait.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
