"""Enters what a site's files say into the registry; done at every start, so a changed file takes effect then.

What is no longer in the files stays: its history still counts. Headcounts and areas are only entered where there is no row
yet: afterwards they are dated rows that people approve, and a start of the service must not undo them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cloud.registry import tables
from cloud.registry.database import upsert, writing
from contract.operation import Text
from contract.site import Meter, Site

SITE_FILE = "site file"
"""Who approved the first headcounts and areas."""
VALID_FROM = "2020-01-01"
"""Since when those hold: before any history that is imported."""


def seed(engine: sa.Engine, site: Site) -> None:
    """Enter or update everything of a site, in one transaction; done again, it changes nothing."""
    with writing(engine).begin() as connection:
        upsert(connection, tables.site, [{"id": site.id, "grp": site.group, "name": _json(site.name)}])
        upsert(connection, tables.compound, [{"id": c.id, "name": _json(c.name)} for c in site.compounds])
        upsert(connection, tables.unit, [{"id": u.id, "name": _json(u.name), "compound": u.compound} for u in site.units])
        insert_new(connection, tables.denominator, _denominators(site))
        upsert(connection, tables.device, _devices(site))
        upsert(connection, tables.meter, [_meter(site, meter) for meter in site.meters])
        _meter_units(connection, site)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is new; the others stay as they are."""
    keys = [column.name for column in table.primary_key.columns]
    marks = connection.execute(sa.select(*(table.c[key] for key in keys))).all()
    known = {tuple(row) for row in marks}
    new = [dict(row) for row in rows if tuple(row[key] for key in keys) not in known]
    if new:
        connection.execute(sa.insert(table), new)


def _json(name: Text) -> str:
    return json.dumps({"zh": name.zh, "en": name.en}, ensure_ascii=False)


def _denominators(site: Site) -> list[dict[str, Any]]:
    return [
        {"unit": unit.id, "kind": kind, "valid_from": VALID_FROM, "value": value, "approved_by": SITE_FILE}
        for unit in site.units
        for kind, value in (("headcount", unit.headcount), ("area", unit.area))
    ]


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
    }


def _meter_units(connection: sa.Connection, site: Site) -> None:
    """Which units a meter serves is replaced as a whole, so that a unit can also be taken off."""
    table = tables.meter_unit
    rows = [{"meter": meter.id, "unit": unit} for meter in site.meters for unit in dict.fromkeys(meter.units)]
    ids = [meter.id for meter in site.meters]
    if ids:
        connection.execute(sa.delete(table).where(table.c.meter.in_(ids)))
    if rows:
        connection.execute(sa.insert(table), rows)
