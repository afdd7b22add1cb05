"""Bringing the schema of the relational database up to date."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cloud.platform.database import MIGRATIONS, writing


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to a version, by default the newest; does nothing when it is."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
