"""While each store hangs, is stopped, refuses or is full: how soon the service says so, how fast it answers, how soon it is well again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import sqlalchemy as sa

from bench import figures
from bench.cloud import polling
from bench.looking import Looking
from simulators.stack.influxd import start_influxd
from simulators.stack.postgres import find_postgres, start_postgres
from simulators.stack.store_faults import StoreFault, full_disk, influx_faults, postgres_faults

DEVICES = 8
LASTS = 20.0
"""Seconds that a fault lasts."""
PATIENCE = 60.0
DISK = "48m"


def run(folder: Path) -> None:
    """InfluxDB and PostgreSQL, then SQLite on a small disk of its own."""
    (folder / "servers").mkdir()
    influxd, programs = start_influxd(folder / "servers"), find_postgres()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed")
    postgres = start_postgres(programs)
    try:
        with sa.create_engine(postgres.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE site")
        environment = {"JIEYUE_TELEMETRY": influxd.url(), "JIEYUE_DATABASE": postgres.url("site")}
        _all(folder / "a", environment, influx_faults(influxd) + postgres_faults(postgres, "site"))
    finally:
        postgres.resume()
        postgres.stop()
        influxd.kill()
    with _small_disk(folder / "small") as disk:
        _all(folder / "b", {"JIEYUE_DATA": str(disk)}, [full_disk(disk)])


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        raise RuntimeError("a small disk is mounted by root only")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)  # noqa: S603, S607 (our own words)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S603, S607 (our own words)


def _all(folder: Path, environment: dict[str, str], faults: list[StoreFault]) -> None:
    folder.mkdir()
    with polling(folder, DEVICES, 20, environment=environment) as (_, api):
        for fault in faults:
            _one(api, fault)


class _Watch(Looking):
    """Asks one path again and again, and keeps when and how it was answered."""

    def __init__(self, api: httpx.Client, path: str, pause: float) -> None:
        self.seen: list[tuple[float, float, int]] = []
        """(moment, seconds, status) of each answer; status 0 for none."""
        self._api, self._path, self._pause = api, path, pause
        super().__init__()

    def run(self) -> None:
        """Ask, and wait for a moment."""
        headers = self._api.headers
        with httpx.Client(base_url=self._api.base_url, headers=headers, timeout=60) as own:
            while not self.ended.wait(self._pause):
                began, status = time.monotonic(), 0
                with suppress(httpx.TransportError):
                    status = own.get(self._path).status_code
                self.seen.append((began, time.monotonic() - began, status))

    def first(self, status: int, after: float) -> float | None:
        """Seconds after a moment until it was first answered with a status."""
        return next((at + took - after for at, took, said in list(self.seen) if said == status and at >= after), None)


def _one(api: httpx.Client, fault: StoreFault) -> None:
    health, devices = _Watch(api, "/healthz", 0.01), _Watch(api, "/api/v1/devices", 0.05)
    began = time.monotonic()
    fault.begin()
    time.sleep(LASTS)
    fault.end()
    ended = time.monotonic()
    while health.first(200, ended) is None and time.monotonic() - ended < PATIENCE:
        time.sleep(0.1)
    time.sleep(2)
    health.stop()
    devices.stop()
    took = [seconds for _, seconds, _ in health.seen]
    asked = [seconds for _, seconds, _ in devices.seen]
    odd = sorted({status for _, _, status in devices.seen} - {200, 503})
    what = f"{fault.name} for {LASTS:.0f} s; {DEVICES} devices each second; /devices answered with {odd or '200 and 503 only'}"
    name = fault.name.replace(" ", "-")
    figures.tell(f"stores.{name}.healthz.p99", figures.quantile(took, 0.99) * 1000, "ms", what)
    figures.tell(f"stores.{name}.devices.max", max(asked), "s", what)
    figures.tell(f"stores.{name}.red", health.first(503, began) or -1.0, "s", what)
    figures.tell(f"stores.{name}.green", health.first(200, ended) or -1.0, "s", what)
