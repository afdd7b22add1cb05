"""What can happen to a store while the service runs: it hangs, stops, refuses, takes no more. Each can be begun and ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from simulators.stack.chaos import Fault
from simulators.stack.influxd import PASSWORD, Influxd
from simulators.stack.postgres import Postgres

_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class StoreFault(Fault):
    """One fault of a store.

    Attributes:
        stores: What `/healthz` may call what cannot be used.
    """

    stores: tuple[str, ...]


def influx_faults(server: Influxd) -> list[StoreFault]:
    """Of a real InfluxDB."""
    return [
        StoreFault("influxd hangs", "influxd", server.pause, server.resume, ("telemetry",)),
        StoreFault("influxd is stopped", "influxd", server.kill, server.start, ("telemetry",)),
        StoreFault(
            "influxd refuses the password",
            "influxd",
            lambda: server.change_password("another"),
            lambda: server.change_password(PASSWORD),
            ("telemetry",),
        ),
    ]


def postgres_faults(server: Postgres, database: str) -> list[StoreFault]:
    """Of a real PostgreSQL."""

    def read_only(setting: str) -> Callable[[], None]:
        return lambda: _read_only(server, database, setting)

    return [
        StoreFault("PostgreSQL hangs", "postgres", server.pause, server.resume, ("database",)),
        StoreFault("PostgreSQL is stopped", "postgres", server.halt, server.start, ("database",)),
        StoreFault("PostgreSQL is read-only", "postgres", read_only("on"), read_only("off"), ("database",)),
    ]


def full_disk(folder: Path) -> StoreFault:
    """Of the file system that the embedded stores lie on, which should be a small one of its own."""
    ballast = folder / "ballast"
    return StoreFault(f"the disk of {folder.name} is full", folder.name, lambda: _fill(ballast), ballast.unlink, ("telemetry", "database"))


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        for size in (_BLOCK, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def _read_only(server: Postgres, database: str, setting: str) -> None:
    """As a server that became a standby: connections from before are told at their next transaction."""
    engine = sa.create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {database} SET default_transaction_read_only = {setting}")
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": database}
        ).all()
