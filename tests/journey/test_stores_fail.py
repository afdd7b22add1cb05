"""Each store hangs, stops, refuses or is full while the service runs: it says so at once, answers, and gets on by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from contract.clock import Clock
from simulators.stack.influxd import Influxd
from simulators.stack.postgres import Postgres
from simulators.stack.stack import Stack
from simulators.stack.store_faults import StoreFault, full_disk, influx_faults, postgres_faults
from tests import commands
from tests.conftest import missing
from tests.journey.conftest import ONE_METER

Eventually = Callable[..., Any]
PROBLEM = "application/problem+json"
SERIES = "/api/v1/readings?device=em-1&point=power&start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
"""Asks the time-series store itself."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB for the embedded stores."""
    if os.geteuid() != 0:
        missing("mount", "run as root, which may mount a tmpfs")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Starts the site with one meter on the stores of an environment."""
    made: list[Stack] = []

    def start(**environment: str) -> Stack:
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "site.yaml").write_text(yaml.safe_dump(ONE_METER, allow_unicode=True), encoding="utf-8")
        stack = Stack(folder, tmp_path / "data", Clock(), environment=environment, run=commands.run)
        made.append(stack)
        stack.start_broker()
        endpoints = stack.start_simulators()
        stack.start_cloud()
        stack.start_edge("gw-1", endpoints)
        return stack

    yield start
    for stack in made:
        stack.processes.stop()


def _held(stack: Stack, faults: list[StoreFault], eventually: Eventually) -> None:
    """Go through faults, one after the other: red with the store's name, requests answered, alive, green again, and data flow."""
    headers = {"Authorization": f"Bearer {stack.command('token', 'test', '--role', 'admin')}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers=headers, timeout=5) as api:
        eventually(lambda: api.get("/healthz").status_code == 200)
        for fault in faults:
            since = eventually(lambda: _newest(api))
            sys.stderr.write(f"{fault.name}\n")  # shown where the test fails
            fault.begin()
            try:
                eventually(lambda: api.get("/healthz").status_code == 503)
                assert api.get("/healthz").json()["status"] in fault.stores, fault.name
                for path in ("/api/v1/devices", "/api/v1/readings/latest", "/metrics", SERIES):
                    answer = api.get(path)
                    assert answer.status_code in {200, 503}, (fault.name, path, answer.text)
                    assert answer.status_code == 200 or answer.headers["content-type"] == PROBLEM
                assert api.get("/livez").json() == {"status": "alive"}
            finally:
                fault.end()
            eventually(lambda: api.get("/healthz").status_code == 200)
            eventually(lambda before=since: _newest(api) > before)
    log = stack.processes.log("cloud").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert "nothing is stored" in log


def _newest(api: httpx.Client) -> str:
    answer = api.get("/api/v1/readings/latest", params={"device": "em-1"})
    return max((item["at"] for item in answer.json()), default="") if answer.status_code == 200 else ""


def test_servers_that_hang_stop_and_refuse(
    started: Callable[..., Stack], mortal_influxd: Influxd, mortal_postgres: Postgres, eventually: Eventually
) -> None:
    """InfluxDB and PostgreSQL, each hung, stopped and refusing."""
    _make(mortal_postgres)
    stack = started(JIEYUE_TELEMETRY=mortal_influxd.url(), JIEYUE_DATABASE=mortal_postgres.url("site"))
    _held(stack, influx_faults(mortal_influxd) + postgres_faults(mortal_postgres, "site"), eventually)


def test_the_service_stops_though_a_store_hangs(started: Callable[..., Stack], mortal_postgres: Postgres, eventually: Eventually) -> None:
    """A thread that waits for a server for ever does not keep the process."""
    _make(mortal_postgres)
    stack = started(JIEYUE_DATABASE=mortal_postgres.url("site"))
    url = f"http://127.0.0.1:{stack.port}/healthz"
    eventually(lambda: httpx.get(url).status_code == 200)
    mortal_postgres.pause()
    eventually(lambda: httpx.get(url).status_code == 503)
    process = stack.processes.release("cloud")
    process.terminate()
    assert process.wait(30) in {0, 1}
    assert "Traceback" not in stack.processes.log("cloud").read_text(encoding="utf-8")


def _make(server: Postgres) -> None:
    with sa.create_engine(server.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE site")


def test_embedded_stores_on_a_full_disk(small_disk: Path, started: Callable[..., Stack], eventually: Eventually) -> None:
    """SQLite's two files, with no byte left for either."""
    stack = started(JIEYUE_DATA=str(small_disk))
    _held(stack, [full_disk(small_disk)], eventually)
