"""Ids that are renamed on record: everything that was kept under the old one is kept under the new one.

Where both ids are there, since somebody entered the new one without saying what it was before, what the new one has precedes, and
the old one's rows fill what it lacks.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices.repository import events
from cloud.ledger.queries.entered import known as known_meters
from cloud.ledger.repository import renaming as ledger
from cloud.organisations import repository as organisations
from cloud.organisations.queries import known_units
from contract.institution import Institution
from contract.meter import Meter
from contract.site import Site


class Renames(NamedTuple):
    """New ids by old."""

    units: Mapping[str, str]
    meters: Mapping[str, str]


def renamed(connection: sa.Connection, site: Site) -> Renames:
    """Rename what the register still has under the id that a site's files say it had before (`was`).

    Args:
        connection: In a transaction that writes.
        site: From its files.
    """
    group, asked = site.group, Renames(_asked(site.units), _asked(site.meters))
    found = Renames(
        {was: asked.units[was] for was in known_units(connection, group, asked.units)},
        {was: asked.meters[was] for was in known_meters(connection, group, asked.meters)},
    )
    for old, new in found.units.items():
        organisations.copy_unit(connection, group, old, new)
        ledger.rename_unit(connection, group, old, new)
        organisations.drop_unit(connection, group, old)
    for old, new in found.meters.items():
        ledger.copy_meter(connection, group, old, new)
        events.rename_meter(connection, group, old, new)
        ledger.drop_meter(connection, group, old, new)
    return found


def _asked(items: Sequence[Institution] | Sequence[Meter]) -> dict[str, str]:
    return {item.was: item.id for item in items if item.was is not None}


def reference(document: Mapping[str, Any], units: Mapping[str, str], meters: Mapping[str, str]) -> dict[str, Any]:
    """A site's document with its renamed ids replaced, wherever it names them.

    Args:
        document: As the site was entered.
        units: New ids of units by old.
        meters: New ids of meters by old.
    """
    changed = copy.deepcopy(dict(document))
    for unit in changed.get("units", ()):
        unit["id"] = units.get(unit["id"], unit["id"])
    for meter in changed.get("meters", ()):
        meter["id"] = meters.get(meter["id"], meter["id"])
        meter["parent"] = meters.get(meter["parent"], meter["parent"])
        if "units" in meter:
            meter["units"] = [units.get(unit, unit) for unit in meter["units"]]
    for car in (device["vehicle"] for device in changed.get("devices", ()) if device.get("vehicle")):
        car["unit"] = units.get(car["unit"], car["unit"])
    return changed
