"""How large SQLite's write-ahead log may stay beside a database."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from cloud.platform.database import open_database, writing
from cloud.telemetry import sqlite
from cloud.telemetry.base import Stored
from cloud.telemetry.sqlite import SqliteTelemetry, checkpoint_pages
from contract.reading import Reading

MIB = 1 << 20


@pytest.mark.parametrize(("volume", "log"), [(32 * MIB, 1000 * 4096), (1024 * MIB, 16 * MIB), (4096 * MIB, 64 * MIB), (1 << 40, 64 * MIB)])
def test_the_log_follows_the_volume(volume: int, log: int) -> None:
    """64 MiB where there is room, a 64th of a small volume, and never less than SQLite's own default."""
    assert checkpoint_pages(volume) * 4096 == log


def test_a_large_transaction_leaves_no_large_log_of_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next write shortens it to the limit."""
    monkeypatch.setattr(sqlite, "_CHECKPOINT_PAGES", 1000)
    store, log = SqliteTelemetry(tmp_path / "telemetry.db"), tmp_path / "telemetry.db-wal"
    assert store.write([Stored("g", "electricity", Reading(f"e{n % 50}", "power", float(n), n * 1000)) for n in range(200_000)]) == []
    assert log.stat().st_size > 1000 * 4096
    assert store.write([Stored("g", "electricity", Reading("e1", "power", 1.0, 1))]) == []
    assert log.stat().st_size <= 1000 * 4096
    store.close()


def test_a_large_transaction_leaves_no_large_log_of_the_registry(tmp_path: Path) -> None:
    """The same for the database of sites and ledger."""
    engine, log = open_database(f"sqlite:///{tmp_path / 'registry.db'}"), tmp_path / "registry.db-wal"
    sizes = []
    for text in ("CREATE TABLE t(x)", "INSERT INTO t VALUES (zeroblob(8388608))", "INSERT INTO t VALUES (1)"):
        with writing(engine).begin() as connection:
            connection.execute(sa.text(text))
        sizes.append(log.stat().st_size)
    engine.dispose()
    assert sizes[1] > 8 * MIB
    assert sizes[2] <= 4 * MIB
