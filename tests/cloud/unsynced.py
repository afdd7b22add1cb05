"""Stores that do not wait for the disk: thousands of commits, and nothing here asks what a power cut leaves."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from cloud.registry.database import open_database
from cloud.telemetry.sqlite import SqliteTelemetry


def registry(path: Path) -> sa.Engine:
    """The registry of a file."""
    engine = open_database(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    return engine


def telemetry(path: Path) -> SqliteTelemetry:
    """The telemetry of a file."""
    store = SqliteTelemetry(path)
    store._writer.execute("PRAGMA synchronous = OFF")
    return store
