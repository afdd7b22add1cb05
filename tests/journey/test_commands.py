"""A command from the interface to a device that speaks by itself, and its answer back, with the real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from contract.clock import Clock, iso, parse_time
from simulators.stack.stack import Stack
from tests import commands
from tests.journey.conftest import ONE_METER
from tests.protocols.mqtt.test_commands import PROFILE

Eventually = Callable[..., Any]
NAME = {"zh": "试验", "en": "Trial"}
CAR = {"plate": "川H00001", "kind": "sedan", "unit": "u1"}
OFTEN = {"interval": 5}
SITE = ONE_METER | {
    "buses": [{"id": "cars", "gateway": "gw-1", "protocol": "jt808"}, {"id": "pub", "gateway": "gw-1", "protocol": "mqtt"}],
    "devices": [
        {"id": "car", "name": NAME, "profile": "vehicle/jtt808-terminal", "bus": "cars", "phone": "13800138000", "vehicle": CAR} | OFTEN,
        {"id": "ac", "name": NAME, "profile": "hvac/thermostat", "bus": "pub", "topic": "ac/1/state", "command_topic": "ac/1"} | OFTEN,
    ],
    "meters": [],
    "zones": [{"id": "z", "name": NAME, "device": "ac"}],
}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A site with a car and a thermostat behind one gateway."""
    for name, text in (("site/site.yaml", yaml.safe_dump(SITE, allow_unicode=True)), ("profiles/hvac/thermostat.yaml", PROFILE)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("JIEYUE_PROFILES", str(tmp_path / "profiles"))
    made = Stack(tmp_path / "site", tmp_path / "data", Clock(), run=commands.run)
    made.processes.environment |= {"JIEYUE_PROFILES": str(tmp_path / "profiles")}
    yield made
    made.processes.stop()


def test_devices_that_speak_by_themselves_are_commanded(stack: Stack, api: httpx.Client, eventually: Eventually) -> None:
    """Done is what the device says afterwards; what a profile forbids is refused, and a device that is away fails with its reason."""
    stack.start_broker()
    stack.start_cloud()
    endpoints = stack.start_simulators()
    eventually(lambda: api.get("/healthz").status_code == 200)
    stack.start_edge("gw-1", endpoints)

    def told(device: str, point: str, value: float) -> tuple[str, float | None, str]:
        body = {"point": point, "value": value, "reason": "test", "expires": iso(Clock().now_ms() + 60_000)}
        accepted = api.post(f"/api/v1/devices/{device}/commands", json=body)
        assert accepted.status_code == 202, accepted.text
        path = f"/api/v1/commands/{accepted.json()['id']}"
        found = eventually(lambda: (now := api.get(path).json())["state"] != "sent" and now)
        return found["state"], found["read_back"], found["reason"]

    def latest(device: str) -> dict[str, dict[str, Any]]:
        return {row["point"]: row for row in api.get("/api/v1/readings/latest", params={"device": device}).json()}

    eventually(lambda: "speed" in latest("car") and "setpoint" in latest("ac"))
    assert told("car", "report_interval", 2) == ("done", 2.0, "")
    assert latest("car")["report_interval"]["value"] == 2.0
    assert told("ac", "setpoint", 24.5) == ("done", 24.5, "")
    assert told("ac", "on", 1) == ("done", 1.0, "")
    eventually(lambda: latest("ac")["setpoint"]["value"] == 24.5)
    assert told("ac", "mode", 1) == ("failed", None, "the profile does not say how mode is written")
    wrong = {"point": "speed", "value": 1, "reason": "x", "expires": "2099-01-01T00:00:00Z"}
    assert api.post("/api/v1/devices/car/commands", json=wrong).status_code == 422

    def steps() -> list[int]:
        """Ms between two reports of the car since a moment."""
        span = {"device": "car", "point": "speed", "start": iso(since), "end": iso(since + 600_000)}
        times = [parse_time(row["at"]) for row in api.get("/api/v1/readings", params=span).json()]
        return [later - earlier for earlier, later in pairwise(times)]

    since = Clock().now_ms()
    eventually(lambda: steps()[-3:] == [2000] * 3)  # it was one a second

    stack.processes.kill("simulators-gw-1")
    assert told("car", "report_interval", 5) == ("failed", None, "the terminal is not connected")
    assert told("ac", "setpoint", 20) == ("failed", None, "no message of the device said setpoint within 1.5 s")
