"""The simulated meters as a site of the product: files' content, nothing computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.truth.meters import Meter

GROUP = "510802"
TEN = 10
"""Meters of one compound."""
POINTS = {"electricity": "energy_import", "water": "volume", "natural_gas": "volume"}
CLASSES = {"electricity": "electricity", "water": "water", "natural_gas": "gas"}
GAUGES = {"electricity": ("power", 1000.0), "water": ("flow", 1.0), "natural_gas": ("flow", 1.0)}
"""Point that tells the rate, and what a unit an hour of the counter is in its unit."""
_DATED = {"commissioned", "taken_out"}


def units_of(meters: Sequence[Meter]) -> dict[str, str]:
    """The unit that each meter serves: one of its own, or, where the meter was not there all the time, a neighbour's."""
    units: dict[str, str] = {}
    for number, meter in enumerate(meters):
        neighbour = meters[number - 1 if number % TEN else min(number + 1, len(meters) - 1)]
        dated = any(fault.kind in _DATED for fault in meter.faults)
        units[meter.name] = f"u-{neighbour.name if dated else meter.name}"
    return units


def compound_of(number: int) -> str:
    """The compound of the meter of a number."""
    return f"c{number // TEN}"


def content(meters: Sequence[Meter], at: int) -> dict[str, Any]:
    """The site as its files say it at a moment, which decides which transformers they name."""
    compounds = sorted({compound_of(number) for number in range(len(meters))})
    units = units_of(meters)
    return {
        "id": "truth",
        "name": _named("truth"),
        "group": GROUP,
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": c, "name": _named(c), "buildings": []} for c in compounds],
        "units": [
            {"id": f"u-{m.name}", "name": _named(m.name), "compound": compound_of(n), "headcount": 40 + n, "area": 900.0 + 10 * n}
            for n, m in enumerate(meters)
        ],
        "gateways": [{"id": "gw"}],
        "buses": [{"id": "line", "gateway": "gw", "protocol": "modbus"}, {"id": "topics", "gateway": "gw", "protocol": "mqtt"}],
        "devices": [_device(n, m, at) for n, m in enumerate(meters, 1)],
        "meters": [_meter(n, m, units[m.name]) for n, m in enumerate(meters)],
    }


def _named(name: str) -> dict[str, str]:
    return {"zh": name, "en": name}


def _device(number: int, meter: Meter, at: int) -> dict[str, Any]:
    ct = next((ratio for since, ratio in sorted(meter.ratios, reverse=True) if since <= at), meter.ct)
    found = {"id": meter.name, "name": _named(meter.name)}
    if meter.energy != "electricity":
        profile = "water/kaifeng-xintai" if meter.energy == "water" else "gas/jieyue-gas-meter"
        return found | {"profile": profile, "bus": "line", "unit_id": number}
    if ct > 1:
        return found | {"profile": "electricity/acrel-adl400", "bus": "line", "unit_id": number, "ct": ct}
    if meter.narrow:
        return found | {"profile": "electricity/eastron-sdm630", "bus": "line", "unit_id": number}
    return found | {"profile": "electricity/jieyue-mqtt-meter", "bus": "topics", "topic": f"meters/{meter.name}"}


def _meter(number: int, meter: Meter, unit: str) -> dict[str, Any]:
    row = {
        "id": meter.name,
        "name": _named(meter.name),
        "energy": meter.energy,
        "device": meter.name,
        "point": POINTS[meter.energy],
        "main": True,
        "compound": compound_of(number),
        "units": [unit],
    }
    said = {"modulus": meter.modulus, "max_rate": meter.max_rate, "commissioned": meter.first_day, "taken_out": meter.day_after}
    return row | {name: value for name, value in said.items() if value is not None}
