"""Real servers for any test: mosquitto, an influxd with authentication, PostgreSQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from simulators.stack.influxd import Influxd, start_influxd
from simulators.stack.postgres import Postgres, find_postgres, start_postgres


def installed(program: str, package: str) -> None:
    """A server's program is on PATH; without it a laptop skips visibly and CI fails."""
    if shutil.which(program) is None:
        missing(program, package)


def missing(program: str, package: str) -> NoReturn:
    """Skip visibly, or fail in CI."""
    reason = f"{program} is not installed (Debian package {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def mosquitto() -> None:
    """The broker, for tests that need its rights or its kept sessions."""
    installed("mosquitto", "mosquitto")


@pytest.fixture
def poppler() -> None:
    """What looks into a PDF."""
    installed("pdftotext", "poppler-utils")


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """One server for all tests that do not kill it; tests keep apart by device ids of their own."""
    installed("influxd", "influxdb")
    server = start_influxd(tmp_path_factory.mktemp("influxd"))
    yield server
    server.kill()


@pytest.fixture
def mortal_influxd(tmp_path: Path) -> Iterator[Influxd]:
    """A server that the test may kill."""
    installed("influxd", "influxdb")
    server = start_influxd(tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def influx_address(influxd: Influxd) -> str:
    """Address of a database of its own, for `open_telemetry` and for the service's settings."""
    return influxd.url("journey")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's browser."""
    installed("chromium", "chromium")
    return shutil.which("chromium") or ""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests; each makes a database of its own in it."""
    programs = find_postgres()
    if programs is None:
        missing("initdb", "postgresql")
    server = start_postgres(programs)
    yield server
    server.stop()
