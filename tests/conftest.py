"""Real servers for any test: mosquitto, and an influxd with authentication."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

_START_S = 30.0
USER, PASSWORD = "jieyue", "p,w:d/@ #?%"

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
"""


@dataclass
class Influxd:
    """A running server with authentication and one user, who may do everything."""

    process: subprocess.Popen[bytes]
    port: int

    def url(self, database: str = "telemetry", password: str = PASSWORD) -> str:
        """For `open_telemetry`."""
        return f"influx+http://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def post(self, path: str, content: str = "", **parameters: str) -> httpx.Response:
        """A request past the store, to bring the database into a state that the store itself would not."""
        url = f"http://127.0.0.1:{self.port}{path}"
        answer = httpx.post(url, params=parameters, content=content.encode(), auth=(USER, PASSWORD))
        assert answer.is_success, answer.text
        return answer

    def kill(self) -> None:
        """Die as in a power cut."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def installed(program: str, package: str) -> str:
    """Path of a server's program; without it a laptop skips visibly and CI fails."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def mosquitto() -> str:
    """The broker's program, for tests that need its rights or its kept sessions."""
    return installed("mosquitto", "mosquitto")


def start_influxd(folder: Path) -> Influxd:
    binary = installed("influxd", "influxdb")
    port = free_port()
    config = folder / "influxd.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, rpc=free_port()), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, "-config", str(config)], stdout=log, stderr=log)
    server = Influxd(process, port)
    deadline = time.monotonic() + _START_S
    while not _answers(port):
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            if time.monotonic() < deadline:
                continue
            server.kill()
        pytest.fail("influxd does not start: " + (folder / "log").read_text(encoding="utf-8"))
    server.post("/query", q=f"CREATE USER {USER} WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES")
    return server


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ping").is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """One server for all tests that do not kill it; tests keep apart by device ids of their own."""
    server = start_influxd(tmp_path_factory.mktemp("influxd"))
    yield server
    server.kill()


@pytest.fixture
def mortal_influxd(tmp_path: Path) -> Iterator[Influxd]:
    """A server that the test may kill."""
    server = start_influxd(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def influx_address(influxd: Influxd) -> str:
    """Address of a database of its own, for `open_telemetry` and for the service's settings."""
    return influxd.url("journey")
