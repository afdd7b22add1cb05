"""The site's meters as trees of loads, sized by the people and the floor area behind them."""

from __future__ import annotations

import math
from functools import cached_property

from contract.meter import Meter
from contract.site import Site
from simulators.world.chance import draw
from simulators.world.loads import Load, Node

_PER_AREA = {"electricity": 52.0}
"""kWh per m2 and year of an office compound in Sichuan."""
_PER_HEAD = {"water": 21.0, "natural_gas": 26.0}
"""m3 per person and year: offices with a canteen."""
_KINDS = {"01A": "lighting", "01B": "hvac", "01C": "power", "01D": "special"}
_SHARE = {"lighting": 0.40, "hvac": 0.30, "power": 0.12, "special": 0.10, "mixed": 0.30, "water": 0.35, "gas": 0.60}
_MOST_METERED = 0.94
"""Of what a meter sees, sub-meters see at most this; the rest is losses and forgotten circuits."""
_AREA, _HEADS = 6000.0, 200
"""Where the site says nothing."""


class Meters:
    """All meters that devices count, by device."""

    def __init__(self, site: Site, seed: int) -> None:
        """Lay out the trees of a site."""
        self.site = site
        self.seed = seed
        self.nodes: dict[str, Node] = {}
        for meter in site.meters:
            if meter.parent is None and not meter.vehicle_fuel:
                self._grow(meter, self._yearly(meter))

    @cached_property
    def by_device(self) -> dict[str, Node]:
        """The meter that a device is."""
        return {meter.device: self.nodes[meter.id] for meter in self.site.meters if meter.device and meter.id in self.nodes}

    def node(self, device_id: str, energy: str) -> Node:
        """What a device counts; a device that no meter names gets a small load of its own."""
        if device_id not in self.by_device:
            load = Load(self.seed, device_id, _kind(energy, ""), energy, 15_000.0 if energy == "electricity" else 900.0)
            self.by_device[device_id] = Node(device_id, load)
        return self.by_device[device_id]

    def _grow(self, meter: Meter, yearly: float) -> Node:
        children = [m for m in self.site.meters if m.parent == meter.id]
        kinds = [_kind(m.energy, m.item) for m in children]
        shares = [_SHARE[k] / kinds.count(k) * (0.85 + 0.3 * draw(self.seed, "share", m.id)) for k, m in zip(kinds, children, strict=True)]
        most = _MOST_METERED / max(sum(shares), _MOST_METERED)
        shares = [share * most for share in shares]
        kind = _kind(meter.energy, meter.item)
        rest = Load(self.seed, meter.id, kind, meter.energy, yearly * (1 - sum(shares)))
        node = Node(meter.id, rest, [self._grow(m, yearly * s) for m, s in zip(children, shares, strict=True)])
        self.nodes[meter.id] = node
        return node

    def _yearly(self, meter: Meter) -> float:
        """What a top meter counts in the reference year, shared with its sisters of the same place."""
        sisters = [
            m
            for m in self.site.meters
            if m.parent is None
            and m.energy == meter.energy
            and (m.compound, m.units) == (meter.compound, meter.units)
            and not m.vehicle_fuel
        ]
        if meter.energy in _PER_AREA:
            return self._area(meter) * _PER_AREA[meter.energy] / len(sisters)
        return self._heads(meter) * _PER_HEAD.get(meter.energy, 10.0) / len(sisters)

    def _area(self, meter: Meter) -> float:
        if meter.units:
            return sum(u.area for u in self.site.units if u.id in meter.units) or _AREA
        return sum(b.area for c in self.site.compounds if c.id == meter.compound for b in c.buildings) or _AREA

    def _heads(self, meter: Meter) -> float:
        if meter.units:
            return sum(u.headcount for u in self.site.units if u.id in meter.units) or _HEADS
        return sum(u.headcount for u in self.site.units if u.compound == meter.compound) or _HEADS


def _kind(energy: str, item: str) -> str:
    if energy == "electricity":
        return _KINDS.get(item[:3].upper(), "mixed")
    return "water" if energy == "water" else "gas"


def electricity(node: Node, seed: int, at_ms: int) -> dict[str, float | None]:
    """The points of a three-phase meter (W, V, A, kWh) that agree with each other: P = sum of U I cos phi."""
    power = node.rate(at_ms) * 1000.0
    minutes = at_ms / 60_000.0
    factor = 0.94 + 0.02 * math.sin(minutes / 47.0 + 6.0 * draw(seed, "pf", node.name))
    values: dict[str, float | None] = {
        "power": power,
        "power_factor": factor,
        "reactive_power": power * math.tan(math.acos(factor)),
        "frequency": 50.0 + 0.015 * math.sin(minutes / 3.1) + 0.01 * math.sin(minutes / 0.7),
        "energy_import": node.counter(at_ms),
        "energy_export": 0.0,
    }
    lean = 0.05 * draw(seed, "lean", node.name)
    for number, (phase, share) in enumerate((("a", 1 / 3 + lean), ("b", 1 / 3 - lean / 3), ("c", 1 / 3 - 2 * lean / 3))):
        voltage = 231.0 + 2.5 * math.sin(minutes / 190.0 + 0.4 * number) + 0.8 * math.sin(minutes / 11.0 + 2.1 * number)
        values[f"voltage_{phase}"] = voltage
        values[f"power_{phase}"] = power * share
        values[f"current_{phase}"] = power * share / (voltage * factor)
    return values


def volume(node: Node, at_ms: int) -> dict[str, float | None]:
    """The points of a water or gas meter: m3, m3/h, MPa, degC."""
    flow = node.rate(at_ms)
    season = math.cos(2 * math.pi * (at_ms / 86_400_000.0 - 215.0) / 365.2425)
    return {
        "volume": node.counter(at_ms),
        "volume_reverse": 0.0,
        "flow": flow,
        # town water stands at 0.32 MPa and gives way to a large draw; canteen gas comes at 2.5 kPa
        "pressure": 0.32 - min(0.12, flow * 0.004) if node.rest.energy == "water" else 0.0025,
        "medium_temperature": 15.0 + 6.5 * season,
        "battery": 3.6,
    }
