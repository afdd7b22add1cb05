"""`jieyue-edge schedule` says what a technician wants to know of a schedule: what, until when, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import commands

CONFIG = "gateway: gw-c3\nsite: lizhou\ndata: data\n"
MOMENTS = {
    "a working afternoon": (
        "2026-07-01T15:00:00+08:00",
        "c3-ac-05 setpoint: 26 degC, weekly part of offices-cooling until 2026-07-01T17:30:00+08:00",
    ),
    "an evening": ("2026-07-01T20:00:00+08:00", "c3-ac-05 on: 0 (off), default of offices-cooling until 2026-07-02T08:15:00+08:00"),
    "a rush hour": ("2026-07-01T00:00:00Z", "c3-lift-2 parity: 2 (even), weekly part of c3-lift-even until 2026-07-01T09:00:00+08:00"),
    "a booking": (
        "2027-01-12T09:00:00+08:00",
        "c3-ac-10 on: 1 (on), exception of lecture-hall (区人民代表大会会议) until 2027-01-12T12:00:00+08:00",
    ),
    "between two seasons": ("2026-04-04T12:00:00+08:00", "c3-ac-05 on: nothing until 2026-05-01T00:00:00+08:00"),
    "what never ends": ("2026-04-04T12:00:00+08:00", "c3-ac-04 on: 1 (on), weekly part of archive"),
}


def said(folder: Path, *arguments: str) -> str:
    (folder / "gw.yaml").write_text(CONFIG, encoding="utf-8")
    done = commands.run("edge", "schedule", "--config", "gw.yaml", *arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in folder.iterdir()] == ["gw.yaml"], "nothing is made"
    return done.stdout


@pytest.mark.parametrize(("moment", "line"), MOMENTS.values(), ids=MOMENTS)
def test_a_point_has_one_line(moment: str, line: str, tmp_path: Path) -> None:
    """Value with its name or unit, what of which schedule says so, and until when in local time."""
    lines = said(tmp_path, "--at", moment).splitlines()
    assert line in lines
    assert len(lines) == 31


def test_only_what_is_asked_and_as_json(tmp_path: Path) -> None:
    """A device's points alone, with the number of the source."""
    assert json.loads(said(tmp_path, "c3-fresh-1", "--json", "--at", "2026-10-01T12:00:00+08:00")) == [
        {
            "device": "c3-fresh-1",
            "point": "on",
            "value": 0.0,
            "name": "off",
            "source": 17,
            "schedule": "fresh-air",
            "reason": None,
            "until": "2026-10-08T07:30:00+08:00",
        }
    ]


def test_a_gateway_without_scheduled_devices_says_so(tmp_path: Path) -> None:
    """Cars have no schedule."""
    (tmp_path / "gw.yaml").write_text(CONFIG.replace("gw-c3", "gw-vehicles"), encoding="utf-8")
    done = commands.run("edge", "schedule", "--config", "gw.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "no schedule says anything of these devices\n", "")
