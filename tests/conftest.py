"""For any test: real servers (mosquitto, an influxd with authentication, PostgreSQL), and folders in which a site was entered."""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, settings

from cloud.indicators.figures import seed_factors
from cloud.platform.database import open_database
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from contract.site import Site, load_site
from contract.sitefolder import shipped_site
from simulators.stack.broker import free_port
from simulators.stack.influxd import Influxd, start_influxd
from simulators.stack.postgres import Postgres, find_postgres, start_postgres
from simulators.stack.processes import Processes
from tests.slave import Slave
from tests.waiting import listens

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How fast a machine is decides no test: what hypothesis holds against slow ones is switched off, here as it does by itself in CI.
settings.register_profile(
    "patient", settings.get_profile(settings.get_current_profile_name()), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

# Logs of tests are read where one fails. By default structlog has rich draw each traceback, which takes longer than what is tested.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    """Let Python look seldom for cycles, and never among what was imported and collected: that took a quarter of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20)


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
def broker_port(mosquitto: None, tmp_path: Path) -> Iterator[int]:  # noqa: ARG001 (it must be there)
    """A mosquitto without users or rights: a foreign one."""
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_dest stderr\n", encoding="utf-8")
    processes = Processes(tmp_path / "logs")
    processes.start("broker", ["mosquitto", "-c", str(config)])
    processes.wait_for("broker", lambda: listens(port), seconds=20)
    yield port
    processes.stop()


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


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Debian's Chromium; closed with this file, since its loop would stand in the way of other tests."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (few tests need it, and it takes long)

    from tests.journey.pages import FLAGS  # noqa: PLC0415 (the same)

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def artefacts(request: pytest.FixtureRequest) -> Path:
    """Where screenshots are left for somebody to look at."""
    folder = Path(os.environ.get("JIEYUE_ARTEFACTS") or request.config.rootpath / "build" / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests; each makes a database of its own in it."""
    server = _postgres()
    yield server
    server.stop()


def _postgres() -> Postgres:
    programs = find_postgres()
    if programs is None:
        missing("initdb", "postgresql")
    return start_postgres(programs)


@pytest.fixture
def mortal_postgres() -> Iterator[Postgres]:
    """A server that the test may stop."""
    server = _postgres()
    yield server
    server.resume()
    server.stop()


@pytest.fixture(scope="session")
def lizhou() -> Site:
    """The first site, read once: nothing of it changes after loading."""
    return load_site(shipped_site("lizhou"))


@pytest.fixture(scope="session")
def _entered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """A registry in which the site of a folder was entered, made once for each content of its files."""
    made: dict[bytes, Path] = {}

    def enter(site: Path) -> Path:
        content = b"".join(path.read_bytes() for path in sorted(site.rglob("*.yaml")))
        if content not in made:
            made[content] = tmp_path_factory.mktemp("entered") / "registry.db"
            engine = open_database(f"sqlite:///{made[content]}")
            migrate(engine)
            seed_factors(engine)
            enter_site(engine, load_site(site), By("test", 0, date(2020, 1, 1)))
            engine.dispose()
        return made[content]

    return enter


@pytest.fixture
def entered(_entered: Callable[[Path], Path]) -> Callable[..., Path]:
    """Gives a data folder what `migrate` and `site apply` would: the first site, or that of a folder. Returns the data folder."""

    def prepared(data: Path, site: Path | None = None) -> Path:
        data.mkdir(parents=True, exist_ok=True)
        shutil.copy(_entered(site or shipped_site("lizhou")), data / "registry.db")
        return data

    return prepared


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits until a condition gives something true, and returns it."""

    def wait(condition: Callable[[], Any], *, seconds: float = 30.0) -> Any:  # noqa: ANN401 (whatever the condition gives)
        end, last = time.monotonic() + seconds, "nothing"
        while time.monotonic() < end:
            try:
                found = condition()
            except httpx.TransportError as error:
                found, last = None, repr(error)
            else:
                last = repr(found)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds:g} s; at last {last}")

    return wait


@pytest.fixture
def make_slave() -> type[Slave]:
    """Slaves that say byte by byte what a test tells them."""
    return Slave
