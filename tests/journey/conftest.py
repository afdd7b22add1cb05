"""Journeys run the real processes: broker, simulators, gateway, cloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient

from contract.clock import Clock
from simulators.stack.broker import free_port
from simulators.stack.stack import Stack
from tests import commands

ONE_METER: dict[str, Any] = {
    "id": "one",
    "name": {"zh": "一", "en": "One"},
    "group": "510802",
    "latitude": 32.4,
    "longitude": 105.8,
    "compounds": [
        {
            "id": "c1",
            "name": {"zh": "一办公区", "en": "Compound 1"},
            "buildings": [{"id": "b1", "name": {"zh": "主楼", "en": "Main"}, "floors": 6, "area": 6000}],
        }
    ],
    "units": [{"id": "u1", "name": {"zh": "单位", "en": "Unit"}, "compound": "c1", "headcount": 100, "area": 5000}],
    "gateways": [{"id": "gw-1", "compound": "c1"}],
    "buses": [{"id": "power", "gateway": "gw-1", "protocol": "modbus"}],
    "devices": [
        {
            "id": "em-1",
            "name": {"zh": "总表", "en": "Main meter"},
            "profile": "electricity/chint-dtsu666",
            "bus": "power",
            "unit_id": 1,
            "compound": "c1",
            "building": "b1",
            "interval": 1,
        }
    ],
    "meters": [
        {
            "id": "m-1",
            "name": {"zh": "总表", "en": "Main meter"},
            "energy": "electricity",
            "device": "em-1",
            "point": "energy_import",
            "main": True,
            "compound": "c1",
            "units": ["u1"],
        }
    ],
}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A site with one meter; nothing runs yet, and nothing is left behind."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "site.yaml").write_text(yaml.safe_dump(ONE_METER, allow_unicode=True), encoding="utf-8")
    made = Stack(folder, tmp_path / "data", Clock(), run=commands.run)
    yield made
    made.processes.stop()


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client with an admin token for the stack's interface."""
    headers = {"Authorization": f"Bearer {stack.command('token', 'test', '--role', 'admin')}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers=headers, timeout=10) as client:
        yield client


@dataclass
class Demo:
    """`make demo` as a process."""

    data: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, on a port of its own."""
        self.port = free_port()
        environment = os.environ | {"JIEYUE_PORT": str(self.port), "JIEYUE_DATA": str(self.data)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "simulators.stack.demo"], env=environment, stdout=log, stderr=log)

    @property
    def log(self) -> Path:
        """What it writes to its terminal."""
        return self.data.with_name("demo.log")

    def ready(self) -> bool:
        """Whether it says that it can be used; it must not have ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def api(self) -> httpx.Client:
        """A client with the demo's own token."""
        token = (self.data / "token").read_text(encoding="utf-8").strip()
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"Authorization": f"Bearer {token}"}, timeout=20)

    def endpoints(self) -> dict[str, Any]:
        """Where the simulated devices are reached."""
        found: dict[str, Any] = json.loads((self.data / "endpoints.json").read_text(encoding="utf-8"))
        return found

    @contextmanager
    def foreign(self, switch: dict[str, Any]) -> Iterator[ModbusTcpClient]:
        """A Modbus client that is not ours, on the line of a switch."""
        framer = FramerType.SOCKET if switch["framing"] == "tcp" else FramerType.RTU
        client = ModbusTcpClient(switch["host"], port=switch["port"], framer=framer)
        assert client.connect()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped
        yield client
        client.close()  # type: ignore[no-untyped-call] # the same


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all journeys, since its history takes a while; whoever stops it starts it again."""
    running = Demo(tmp_path_factory.mktemp("demo") / "data")
    running.begin()
    try:
        end = time.monotonic() + 270  # below the time of a first test; where lines are counted, all takes longer
        while not running.ready():
            assert time.monotonic() < end, "not ready within four and a half minutes"
            time.sleep(0.2)
        yield running
    finally:
        assert running.process is not None
        if running.process.poll() is None:
            running.end()
