"""What a site's files say, as rows of the registry."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.organisations import tables as organisations_tables
from contract.capacity import capacity, resolution
from contract.meter import Meter
from contract.operation import Text
from contract.point import POINTS
from contract.profile import decimal_scale
from contract.site import Site


def rows_of(site: Site) -> dict[sa.Table, list[dict[str, Any]]]:
    """The rows of everything that stands in the registry once, in an order in which they can be entered."""
    return {
        organisations_tables.site: [{"id": site.id, "grp": site.group, "name": _json(site.name)}],
        organisations_tables.compound: [{"id": c.id, "name": _json(c.name)} for c in site.compounds],
        organisations_tables.unit: [{"id": u.id, "name": _json(u.name), "compound": u.compound} for u in site.units],
        devices_tables.device: _devices(site),
        ledger_tables.meter: [_meter(site, meter) for meter in site.meters],
    }


def served(site: Site) -> list[dict[str, str]]:
    """Which units each meter serves."""
    return [{"meter": meter.id, "unit": unit} for meter in site.meters for unit in dict.fromkeys(meter.units)]


def _json(name: Text) -> str:
    return json.dumps({"zh": name.zh, "en": name.en}, ensure_ascii=False)


def _devices(site: Site) -> list[dict[str, Any]]:
    return [
        {
            "grp": site.group,
            "id": device.id,
            "class": device.model.device_class,
            "name": _json(device.name),
            "compound": device.compound,
            "gateway": site.bus_by_id[device.bus].gateway,
            "profile": device.profile,
            "interval": device.poll_interval,
        }
        for device in site.devices
    ]


def _meter(site: Site, meter: Meter) -> dict[str, Any]:
    most, (step, float32) = capacity(site, meter), resolution(site, meter)
    return {
        "id": meter.id,
        "name": _json(meter.name),
        "grp": site.group,
        "device": meter.device,
        "point": meter.point,
        "energy": meter.energy,
        "parent": meter.parent,
        "main": meter.main or (meter.vehicle_fuel and meter.parent is None),
        "item": meter.item,
        "compound": meter.compound,
        "vehicle_fuel": meter.vehicle_fuel,
        "modulus": site.rollover(meter),
        "max_rate": meter.max_rate,
        "ratio": _ratio(site, meter),
        "capacity": None if most is None else most.value,
        "capacity_from": None if most is None else most.source,
        "resolution": step,
        "float32": float32,
        "commissioned": None if meter.commissioned is None else meter.commissioned.isoformat(),
        "taken_out": None if meter.taken_out is None else meter.taken_out.isoformat(),
    }


def _ratio(site: Site, meter: Meter) -> str | None:
    """What one step of a counter's register is worth, in the point's unit: the profile's scale times the site's CT and PT."""
    if meter.device is None or meter.point not in POINTS:
        return None
    device = site.device_by_id[meter.device]
    mapped = device.model.points.get(meter.point)
    if mapped is None:
        return None
    numerator, divisor = decimal_scale(mapped, meter.point, device.ct, device.pt)
    return str(Decimal(numerator) / Decimal(divisor))
