"""Sites and profiles of a bench: made for its measure, in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from contract.point import POINTS

GROUP = "510802"
CLOCK_POINT = "outbox_bytes"
"""Carries the time of the answer in the latency bench: the one point that believes numbers as large as ms since 1970."""


def profile(path: Path, floats: int) -> str:
    """A profile with so many float32 points in one request, the first a float64; returns its name for a site."""
    names = [name for name in POINTS if name != CLOCK_POINT][: floats - 1]
    points: dict[str, Any] = {CLOCK_POINT: _mapped(CLOCK_POINT, 0, "float64")}
    points |= {name: _mapped(name, 4 + 2 * number, "float32") for number, name in enumerate(names)}
    content = {
        "maker": "bench",
        "model": f"{floats} floats",
        "class": "electricity",
        "protocol": "modbus",
        "sources": ["made for a bench"],
        "max_registers": 125,
        "points": points,
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path.with_suffix(""))


def _mapped(name: str, address: int, register_type: str) -> dict[str, Any]:
    return {"address": address, "type": register_type, "unit": POINTS[name].unit.value}


def write(
    folder: Path, gateways: Sequence[str], buses: list[dict[str, Any]], devices: list[dict[str, Any]], *, metered: bool = True
) -> Path:
    """A site, with a metered counter on each device where they count; returns its folder."""
    text = {"zh": "台", "en": "bench"}
    meters = [
        {
            "id": d["id"],
            "name": text,
            "energy": "electricity",
            "device": d["id"],
            "point": "energy_import",
            "main": True,
            "compound": "c1",
            "units": ["u1"],
        }
        for d in devices
        if metered
    ]
    site = {
        "id": "bench",
        "name": text,
        "group": GROUP,
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": "c1", "name": text, "buildings": [{"id": "b1", "name": text, "floors": 3, "area": 900}]}],
        "units": [{"id": "u1", "name": text, "compound": "c1", "headcount": 10, "area": 900}],
        "gateways": [{"id": name} for name in gateways],
        "buses": buses,
        "devices": [{"name": text, **d} for d in devices],
        "meters": meters,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(site, allow_unicode=True), encoding="utf-8")
    return folder
