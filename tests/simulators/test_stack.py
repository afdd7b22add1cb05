"""A demo keeps to itself: it takes no setting of another installation, and writes into no folder that is not a demo's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.clock import Clock
from contract.sitefolder import shipped_site
from simulators.stack.broker import free_port
from simulators.stack.processes import Processes
from simulators.stack.stack import Stack

FOREIGN = {"JIEYUE_MQTT_HOST": "broker.example", "jieyue_telemetry": "influx+http://influxdb:8086/live", "JIEYUE_PROFILES": "/etc/jieyue"}


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What our environment names as the database of a live site."""
    path = tmp_path / "live.db"
    for name, value in (FOREIGN | {"JIEYUE_DATABASE": f"sqlite:///{path}"}).items():
        monkeypatch.setenv(name, value)
    return path


@pytest.mark.usefixtures("database")
def test_children_get_no_setting_but_those_that_are_meant_for_them(tmp_path: Path) -> None:
    """What else stands in our environment they inherit, such as PATH."""
    environment = Processes(tmp_path / "logs", {"JIEYUE_NOW": "2026-03-01"}).environment
    assert {name: value for name, value in environment.items() if "JIEYUE" in name.upper()} == {"JIEYUE_NOW": "2026-03-01"}
    assert environment["PATH"] == os.environ["PATH"]


def test_a_stack_enters_its_site_into_its_own_database(tmp_path: Path, database: Path) -> None:
    """The database that our environment names is not even opened."""
    Stack(shipped_site("lizhou"), tmp_path / "data", Clock()).prepare_cloud()
    assert (tmp_path / "data" / "cloud" / "registry.db").exists()
    assert not database.exists()


@contextmanager
def demo(data: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that is ended after its first words."""
    environment = os.environ | {"JIEYUE_PORT": str(free_port()), "JIEYUE_DATA": str(data)} | settings
    command = [sys.executable, "-m", "simulators.stack.demo"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@pytest.mark.usefixtures("database")
def test_the_demo_names_the_settings_that_it_does_not_use(tmp_path: Path) -> None:
    """One line, without their values, which may hold passwords."""
    with demo(tmp_path / "data") as process:
        assert process.stdout is not None
        said = process.stdout.readline()
    names = "JIEYUE_DATABASE, JIEYUE_MQTT_HOST, JIEYUE_PROFILES, jieyue_telemetry"
    assert (said, process.returncode) == (f"demo: not used, since they are no settings of the demo: {names}\n", 0)


@pytest.mark.parametrize("part", ["cloud/registry.db", "edge/gw-c1/outbox.db", "token", "registry.db", "outbox.db"])
def test_the_demo_refuses_a_folder_that_no_demo_made(tmp_path: Path, part: str) -> None:
    """The folder above a cloud's or a gateway's, or that folder itself: nothing in it is touched, nothing is made."""
    live = tmp_path / part
    live.parent.mkdir(parents=True, exist_ok=True)
    live.write_bytes(b"live")
    with demo(tmp_path) as process:
        said, _ = process.communicate(timeout=60)
    holds = f"{tmp_path} holds {Path(part).parts[0]}, which no demo made; expected a new folder, or that of a demo"
    assert (said, process.returncode) == (f"demo: JIEYUE_DATA: {holds}\n", 2)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [live]
    assert live.read_bytes() == b"live"


@pytest.mark.parametrize("mark", ["made-by-demo", "history.done", "endpoints.json"])
def test_the_demo_goes_on_with_the_folder_of_a_demo(tmp_path: Path, mark: str) -> None:
    """Its own mark says so, and what demos of earlier versions left; an earlier one has the mark from then on."""
    (tmp_path / "cloud").mkdir()
    (tmp_path / mark).write_text("{}\n", encoding="utf-8")
    with demo(tmp_path) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
    assert (said, process.returncode) == (f"demo: lizhou, 167 devices, data in {tmp_path}\n", 0)
    assert (tmp_path / "made-by-demo").exists()


JUNK = [(b"junk\n", "'junk\\n'"), (b"", "''"), (b"nan", "'nan'"), (b"\xff", "'\ufffd'")]


@pytest.mark.parametrize(("content", "shown"), JUNK)
def test_a_kept_time_that_is_none_is_named(tmp_path: Path, content: bytes, shown: str) -> None:
    """The file, what was expected there and what to do, in one line."""
    (tmp_path / "clock").write_bytes(content)
    with demo(tmp_path, JIEYUE_NOW="2026-03-01") as process:
        said, _ = process.communicate(timeout=60)
    expected = f"{tmp_path}/clock: expected the time at which the demo was stopped, in ms since 1970, got {shown}; remove the file"
    assert (said, process.returncode) == (f"demo: {expected}\n", 2)


def test_ctrl_c_while_the_past_is_sent_ends_the_demo_without_a_traceback(tmp_path: Path) -> None:
    """A terminal sends it to all of its foreground processes at once, and the demo may be the last of them to hear it."""
    with demo(tmp_path / "data") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("history:"):
                break
        process.send_signal(signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(1.0)
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=60)
    assert (said.splitlines()[-1], process.returncode) == ("demo: stopping", 0)
    assert "Traceback" not in said
    assert not (tmp_path / "data" / "history.done").exists()
