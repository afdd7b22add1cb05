"""What a process may do that makes one report and ends: the command, and the worker of a queue."""

from __future__ import annotations

import atexit
import gc
import sqlite3
import threading

import sqlalchemy as sa

from cloud.reports.base import Format
from cloud.reports.pages import load_libraries

_MAPPED = 1 << 40
"""Bytes; SQLite takes as much of it as the file has and it was built for."""


def alone(engine: sa.Engine, kind: Format) -> None:
    """Load a PDF's libraries beside the figures, leave Python's collector off until the end, and read SQLite's file as memory.

    What a report is made of (sums, the boxes of a long table) lives until the process ends, and the collector would look at each again
    and again, at the end once more.

    Args:
        engine: Of registry and ledger, before it was asked anything.
        kind: Of the file that is made.
    """
    gc.disable()
    atexit.register(gc.freeze)
    if kind == "pdf":
        threading.Thread(target=load_libraries).start()  # it takes a second, and so does the database
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _mapped)


def _mapped(connection: sqlite3.Connection, _record: object) -> None:
    """Millions of rows lie apart, and a disk that fails under the file ends this process only."""
    connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
