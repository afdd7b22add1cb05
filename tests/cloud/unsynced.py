"""Stores that do not wait for the disk, and compile once: thousands of commits, and nothing here asks what a power cut leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cloud.platform.database import open_database
from cloud.telemetry.sqlite import SqliteTelemetry


def registry(path: Path) -> sa.Engine:
    """The registry of a file."""
    engine = open_database(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    return compiled_once(engine)


def compiled_once(engine: sa.Engine) -> sa.Engine:
    """Let it use the statements that engines before it compiled: each test has engines of its own, and compiling is a tenth of its time.

    A compiled statement belongs to the dialect, which knows the server's version from its first connection and is the same for all.
    """
    kind = engine.dialect.name
    if kind not in _DIALECTS:
        engine.connect().close()
        _DIALECTS[kind] = engine.dialect
    engine.dialect = _DIALECTS[kind]
    engine.update_execution_options(compiled_cache=_COMPILED)
    return engine


_DIALECTS: dict[str, sa.Dialect] = {}
_COMPILED: dict[Any, Any] = {}


def telemetry(path: Path) -> SqliteTelemetry:
    """The telemetry of a file."""
    store = SqliteTelemetry(path)
    store._writer.execute("PRAGMA synchronous = OFF")
    return store
