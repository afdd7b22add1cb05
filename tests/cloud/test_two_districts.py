"""A cloud with two districts as its operator has it: entering, commands that ask which, tokens, and the running service."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from cloud.platform.database import open_database, writing
from contract.sitefolder import shipped_site
from simulators.stack.broker import free_port
from simulators.stack.processes import Processes
from tests.cloud import tables
from tests.cloud.district import GROUP
from tests.cloud.folder import rows, run
from tests.waiting import wait

SECOND = "510811"
BOTH = f"{GROUP}, {SECOND}"
METER = "c1-e-main"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the first site, of another district."""
    found = Path(shutil.copytree(shipped_site("lizhou"), tmp_path / "second"))
    text = (found / "site.yaml").read_text(encoding="utf-8")
    (found / "site.yaml").write_text(text.replace(f'group: "{GROUP}"', f'group: "{SECOND}"'), encoding="utf-8")
    return found


@pytest.fixture
def both(data: Path, folder: Path) -> Path:
    """A data folder in which both were entered."""
    assert run(data, "site", "apply", str(folder), "--yes").returncode == 0
    return data


def test_the_second_is_entered_as_a_first_site(data: Path, folder: Path) -> None:
    """It is said that it is one, and nothing of the first changes; entered again, nothing changes, and either may be planned."""
    before = {table: rows(data, table) for table in (tables.unit, tables.meter, tables.denominator, tables.device)}
    done = run(data, "site", "apply", str(folder), "--yes")
    assert (done.returncode, done.stdout.splitlines()[0].partition(":")[0]) == (0, "the first site")
    for table, found in before.items():
        assert [row for row in rows(data, table) if row["grp"] == GROUP] == found
    assert run(data, "site", "apply", str(folder), "--yes").stdout == "nothing changes\n"
    assert run(data, "site", "plan", "lizhou").stdout == "nothing changes\n"


@pytest.mark.parametrize(
    "command",
    [
        ["targets"],
        ["findings"],
        ["bills"],
        ["exchange", METER, "--at", "2026-02-01T10:00:00+08:00", "--last", "5", "--first", "1", "--reason", "new"],
        ["out-of-use", METER, "--from", "2026-02-01T00:00:00Z", "--reason", "empty"],
        ["load-shape", METER, "{week}", "--from", "2026-04-01T00:00:00Z"],
        ["import", "{fuel}"],
        ["report", "targets", "--year", "2026", "--output", "{report}"],
        ["resend", "--from", "2026-02-01T00:00:00Z", "--to", "2026-02-02T00:00:00Z"],
        ["rebirth", "gw-c1", "--reason", "look"],
        ["command", "c1-ac-101", "setpoint", "24", "--reason", "warm"],
    ],
)
def test_a_command_about_one_asks_which(both: Path, command: list[str]) -> None:
    """Without --group it ends with one line that lists them; a group that was not entered is refused the same way."""
    (both / "week").write_text("1 " * 168, encoding="utf-8")
    (both / "fuel").write_text("meter,month,amount\n", encoding="utf-8")
    command = [word.format(week=both / "week", fuel=both / "fuel", report=both / "report.pdf") for word in command]
    done = run(both, *command)
    assert (done.returncode, done.stdout, done.stderr) == (
        2, "", f"jieyue-cloud: --group: expected one of {BOTH}, which were entered, got none\n",
    )  # fmt: skip
    if command[0] not in {"rebirth", "command"}:  # these may be about a foreign node's group
        done = run(both, *command, "--group", "510899")
        assert (done.returncode, done.stderr) == (2, f"jieyue-cloud: --group: expected one of {BOTH}, got '510899'\n")


def test_a_command_is_about_the_one_that_is_named(both: Path) -> None:
    """An exchange of the second district's meter is on record there alone, as is a month that is imported."""
    exchange = ["exchange", METER, "--at", "2026-02-01T10:00:00+08:00", "--last", "5", "--first", "1", "--reason", "new"]
    assert run(both, *exchange, "--group", SECOND).returncode == 0
    (both / "fuel").write_text("meter,month,amount\nfleet-petrol,2026-01,12\n", encoding="utf-8")
    fuel = next(row["id"] for row in rows(both, tables.meter) if row["vehicle_fuel"])
    (both / "fuel").write_text(f"meter,month,amount\n{fuel},2026-01,12\n", encoding="utf-8")
    assert run(both, "import", str(both / "fuel"), "--group", GROUP).stdout == "1 amounts entered\n"
    assert [(row["grp"], row["meter"]) for row in rows(both, tables.exchange)] == [(SECOND, METER)]
    assert [(row["grp"], row["meter"]) for row in rows(both, tables.entry)] == [(GROUP, fuel)]
    for group in (GROUP, SECOND):
        assert json.loads(run(both, "targets", "--group", group, "--json").stdout)["scope"] == "district"


def test_what_waits_is_told_with_its_district(both: Path) -> None:
    """Both have a meter of the same id, so a line says whose it is."""
    engine = open_database(f"sqlite:///{both / 'registry.db'}")
    with writing(engine).begin() as connection:
        waiting = [{"grp": group, "meter": METER, "hour": n * 3_600_000, "generation": 1} for group in (GROUP, SECOND) for n in range(2)]
        connection.execute(sa.insert(tables.touched), waiting[:3])
    engine.dispose()
    said = run(both, "ledger", "status").stdout.splitlines()[-2:]
    assert [line.partition(",")[0] for line in said] == [f"{GROUP}/{METER}: 2 wait", f"{SECOND}/{METER}: 1 wait"]


def test_a_token_is_for_a_district_that_was_entered(both: Path) -> None:
    """With --group for that one, and the audit says so; without for every one; never for one that is not there."""
    assert run(both, "token", "clerk", "--role", "clerk", "--group", SECOND).returncode == 0
    assert run(both, "token", "admin", "--role", "admin").returncode == 0
    done = run(both, "token", "nobody", "--group", "510899")
    assert (done.returncode, done.stdout) == (2, "")
    assert {row["name"]: row["grp"] for row in rows(both, tables.token)} == {"clerk": SECOND, "admin": None}
    issued = {str(row["detail"]): row["grp"] for row in rows(both, tables.audit) if row["action"] == "token.issue"}
    assert issued == {"clerk: clerk": SECOND, "admin: admin": None}


@pytest.fixture
def served(both: Path, broker_port: int, tmp_path: Path) -> Iterator[Callable[..., httpx.Response]]:
    """The service on both districts, files of the second named; asks it as somebody."""
    port = free_port()
    tokens = {name: run(both, "token", name, "--role", "admin", *more).stdout.split()[-1] for name, more in (
        ("all", ()), (GROUP, ("--group", GROUP)), (SECOND, ("--group", SECOND)),
    )}  # fmt: skip
    settings = {"JIEYUE_DATA": both, "JIEYUE_PORT": port, "JIEYUE_MQTT_PORT": broker_port, "JIEYUE_SITE": tmp_path / "second"}
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    processes = Processes(tmp_path / "logs")
    processes.start("cloud", [sys.executable, "-m", "cloud", "serve"], environment)

    def ask(whose: str, path: str, **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {tokens[whose]}"}
        return httpx.get(f"http://127.0.0.1:{port}{path}", params=query, headers=headers, trust_env=False)

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait(ready, "the service is ready")
    yield ask
    processes.stop()


def test_the_service_serves_both(served: Callable[..., httpx.Response]) -> None:
    """Each token its own; one of all says which; numbers of the service count the devices of both, and say that no file differs."""
    units: dict[str, Any] = {group: served(group, "/api/v1/units").json() for group in (GROUP, SECOND)}
    assert units[GROUP] == units[SECOND] != []
    assert served("all", "/api/v1/units").json()["code"] == "problem.group"
    assert served("all", "/api/v1/units", group=SECOND).json() == units[SECOND]
    assert served(SECOND, "/api/v1/units", group=GROUP).status_code == 404
    assert served(SECOND, "/metrics").status_code == 403
    numbers = served("all", "/metrics").text
    assert "jieyue_site_differs 0.0" in numbers
    vehicles = len(served(GROUP, "/api/v1/vehicles").json())
    assert f'jieyue_devices{{class="vehicle",online="no"}} {2.0 * vehicles}' in numbers


def test_files_of_a_district_that_was_not_entered_are_refused(both: Path, folder: Path) -> None:
    """`serve` ends with one line: whose files they are, and whose were entered."""
    text = (folder / "site.yaml").read_text(encoding="utf-8")
    (folder / "site.yaml").write_text(text.replace(SECOND, "510899"), encoding="utf-8")
    environment = os.environ | {"JIEYUE_DATA": str(both), "JIEYUE_SITE": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "cloud", "serve"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    expected = f"jieyue-cloud: JIEYUE_SITE: expected a site of one of the groups {BOTH}, which were entered, got 510899"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, expected)
