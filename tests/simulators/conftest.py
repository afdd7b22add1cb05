"""A small site whose devices are described here, so that no shipped file is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.point import POINTS
from contract.profile import Profile
from contract.site import Site
from simulators.world.site_world import SiteWorld
from simulators.world.written import Written

STOPS = [f"stops_{n:02d}" for n in range(1, 33)]
POINTS_OF = {
    "electricity": ["power", "energy_import", *(f"{q}_{p}" for q in ("power", "voltage", "current") for p in "abc"), "power_factor"],
    "water": ["volume", "flow"],
    "gas": ["volume", "flow"],
    "hvac": ["on", "mode", "fan", "setpoint", "room_temperature", "outdoor_temperature"],
    "fresh_air": ["on", "speed_percent", "co2", "filter_pressure"],
    "meeting_room": ["occupied", "people", "lights", "screen"],
    "elevator": ["floor", "stops", *STOPS, "last_stop", "parity", "direction", "door"],
    "vehicle": ["latitude", "longitude", "speed", "odometer", "ignition", "fuel_level", "course"],
}
NAMES = {"mode": {0: "cool", 1: "heat", 2: "fan"}, "fan": {0: "auto", 1: "high", 2: "medium", 3: "low"}, "on": {0xA5: "on", 0x5A: "off"}}
WRITABLE = {"on", "mode", "fan", "lights", "screen", "parity", "speed_percent", "setpoint"}


def journal(folder: Path) -> list[dict[str, Any]]:
    """What simulated devices said of themselves, in order."""
    return [json.loads(line) for line in (folder / "said.jsonl").read_text(encoding="utf-8").splitlines()]


def profile_of(kind: str) -> Profile:
    points = {
        p: {
            "path": p,
            "unit": POINTS[p].unit,
            "writable": p in WRITABLE,
            "limits": {"min": 0, "max": 100},
            "values": NAMES.get(p) if kind == "hvac" else None,
        }
        for p in POINTS_OF[kind]
    }
    return Profile.model_validate({"maker": "M", "model": kind, "class": kind, "protocol": "mqtt", "sources": ["test"], "points": points})


def _name(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def _device(name: str, profile: str, **more: object) -> dict[str, object]:
    return {"id": name, "name": _name(name), "profile": profile, "bus": "b", "building": "h", **more}


def _meter(name: str, energy: str, device: str, parent: str | None = None, item: str = "") -> dict[str, object]:
    point = "energy_import" if energy == "electricity" else "volume"
    base = {"id": name, "name": _name(name), "energy": energy, "device": device, "point": point, "compound": "c"}
    return base | {"parent": parent, "main": parent is None, "item": item}


def site_of(cars: int) -> Site:
    kinds = ["sedan"] * 24 + ["off_road"] * 42 + ["minibus"] * 3
    devices = [_device(d, k) for d, k in (("e0", "electricity"), ("e1", "electricity"), ("e2", "electricity"), ("e3", "electricity"))]
    devices += [_device("w0", "water"), _device("g0", "gas"), _device("z", "hvac"), _device("fa", "fresh_air")]
    devices += [_device(f"room{i}", "meeting_room") for i in range(6)] + [_device("odd", "elevator"), _device("even", "elevator")]
    devices += [_device(f"car{i}", "vehicle", vehicle={"plate": f"H{i}", "kind": kinds[i], "unit": "u"}) for i in range(cars)]
    group = {
        "id": "lifts",
        "building": "h",
        "common_floors": [1],
        "cars": [
            {"device": "odd", "parity": "odd", "served": [1, 3, 5, 7, 9]},
            {"device": "even", "parity": "even", "served": [2, 4, 6, 8, 10]},
        ],
        "windows": [{"start": "08:00", "end": "18:00"}],
    }
    return Site.model_validate(
        {
            "id": "s",
            "name": _name("s"),
            "group": "510802",
            "latitude": 32.4386,
            "longitude": 105.8456,
            "compounds": [{"id": "c", "name": _name("c"), "buildings": [{"id": "h", "name": _name("h"), "floors": 10, "area": 18000}]}],
            "units": [{"id": "u", "name": _name("u"), "compound": "c", "headcount": 500, "area": 18000}],
            "gateways": [{"id": "g"}],
            "buses": [{"id": "b", "gateway": "g", "protocol": "mqtt"}],
            "devices": devices,
            "meters": [
                _meter("main", "electricity", "e0"),
                _meter("light", "electricity", "e1", "main", "01A10"),
                _meter("air", "electricity", "e2", "main", "01B10"),
                _meter("lifts", "electricity", "e3", "main", "01C10"),
                _meter("water", "water", "w0"),
                _meter("gas", "natural_gas", "g0"),
            ],
            "elevator_groups": [group],
        }
    )


@pytest.fixture
def make_world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SiteWorld]:
    """Build the world of the small site, with a seed, a number of cars and a file of writes."""
    monkeypatch.setattr("contract.site.load_profile", profile_of)

    def make(*, seed: int = 1, cars: int = 1, written: Written | None = None) -> SiteWorld:
        return SiteWorld(site_of(cars), seed, written)

    return make
