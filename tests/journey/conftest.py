"""Journeys run the real processes: broker, simulators, gateway, cloud."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from contract.clock import Clock
from simulators.stack.stack import Stack

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
    made = Stack(folder, tmp_path / "data", Clock())
    yield made
    made.processes.stop()


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client with an admin token for the stack's interface."""
    command = [sys.executable, "-m", "cloud", "token", "test", "--role", "admin"]
    issued = subprocess.run(
        command, env=stack.processes.environment | stack.cloud_environment(), capture_output=True, text=True, check=True
    )
    headers = {"Authorization": f"Bearer {issued.stdout.strip()}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", headers=headers, timeout=10) as client:
        yield client


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Waits until a condition gives something true, and returns it."""

    def wait(condition: Callable[[], Any], *, seconds: float = 30.0) -> Any:  # noqa: ANN401 (whatever the condition gives)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = condition()
            except httpx.TransportError:
                found = None
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds:g} s")

    return wait
