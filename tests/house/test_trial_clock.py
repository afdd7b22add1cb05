"""A clock that is a trial's does no harm unnoticed: each program that stays says so once when it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from simulators.stack.broker import free_port

WARNING = "the clock is a trial's (JIEYUE_NOW, JIEYUE_SPEED)"


@pytest.fixture
def folder(tmp_path: Path, entered: Callable[..., Path]) -> Path:
    """A site that was entered, and one of its gateways, whose clock is trusted."""
    gateway = {"gateway": "gw-c1", "site": "lizhou", "data": "edge", "clock": "trusted", "broker": {"port": 1}}
    (tmp_path / "gw-c1.yaml").write_text(yaml.safe_dump(gateway), encoding="utf-8")
    return entered(tmp_path / "cloud").parent


def said(folder: Path, command: list[str], stop_after: str, **settings: str) -> list[dict[str, object]]:
    """What a program logs from its start until some time after the event that it is stopped after."""
    environment = os.environ | {"JIEYUE_DATA": str(folder / "cloud"), "JIEYUE_PORT": str(free_port()), "JIEYUE_MQTT_PORT": "1"} | settings
    lines: list[dict[str, object]] = []
    command = [sys.executable, "-m", *command]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == stop_after:
                process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    return lines


@pytest.mark.parametrize(
    ("command", "stop_after"),
    [
        (["cloud", "serve"], "broker lost"),
        (["cloud", "ingest"], "broker lost"),
        (["edge", "run", "--config", "gw-c1.yaml"], "uplink lost"),
    ],
)
def test_each_program_warns_once_of_the_clock_of_a_trial(folder: Path, command: list[str], stop_after: str) -> None:
    """With the time that it has and how fast it runs; nothing is said of the machine's own clock."""
    lines = said(folder, command, stop_after, JIEYUE_NOW="2027-03-01", JIEYUE_SPEED="2")
    found = [(line["level"], line["speed"], str(line["now"])[:14]) for line in lines if line["event"] == WARNING]
    assert found == [("warning", 2.0, "2027-03-01T00:")]
    assert [line for line in said(folder, command, stop_after) if line["event"] == WARNING] == []
