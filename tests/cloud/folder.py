"""A data folder as its operator has it: commands of the cloud on it, at a time that never passes, and what its registry holds then."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import sqlalchemy as sa

from cloud.platform.database import open_database
from tests import commands

LATER = "2026-03-01T10:00:00+08:00"


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command says, and its exit code."""
    return commands.run("cloud", *arguments, environment=os.environ | {"JIEYUE_DATA": str(data), "JIEYUE_NOW": LATER})


def rows(data: Path, table: sa.Table) -> list[dict[str, object]]:
    """All rows of a table."""
    engine = open_database(f"sqlite:///{data / 'registry.db'}")
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    engine.dispose()
    return found
