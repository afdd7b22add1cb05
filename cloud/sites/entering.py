"""Enters a site: the one way by which what its files say comes into the registry, on record and in the caller's transaction.

What the files no longer have is retired and stays, since its history counts. A number of people or a floor area that changed
holds from a day on. An id that changed (`was`) takes its history along.

The repositories of organisations, devices and the ledger write. What is written after what, which is the order in which the database
locks it, and what follows from a change stand here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices.repository import register as devices
from cloud.ledger.repository import meters
from cloud.organisations import model
from cloud.organisations import repository as organisations
from cloud.platform.database import writing
from cloud.sites import dated
from cloud.sites.changes import Change, Document, differences, on_record, suspected
from cloud.sites.entered import EntryRefused, document, documents
from cloud.sites.people import people
from cloud.sites.ratios import new_ratios
from cloud.sites.recounted import recounted
from cloud.sites.register import Register, kept, name_of, stated
from cloud.sites.renaming import reference, renamed
from cloud.sites.replaced import replaced
from contract.institution import Institution
from contract.site import Site


@dataclass(frozen=True, slots=True)
class By:
    """Who enters a site, and when.

    Attributes:
        name: Who.
        now: ms since 1970 in UTC.
        day: From when new numbers hold, and what is new or gone is there or not.
    """

    name: str
    now: int
    day: date


@dataclass(frozen=True, slots=True)
class Plan:
    """What entering a site changes.

    Attributes:
        first: Nothing was entered before.
        changes: In words.
        doubts: What the files probably mean otherwise.
        units: New ids of units by old.
    """

    first: bool
    changes: Sequence[Change]
    doubts: Sequence[str]
    units: Mapping[str, str]


def enter_site(engine: sa.Engine, site: Site, by: By, planned: Sequence[Change] | None = None) -> Plan:
    """Enter a site in one transaction.

    Args:
        engine: Of the registry.
        site: From its files.
        by: Who, when, and from which day on.
        planned: What somebody agreed to; None where nobody was asked.

    Raises:
        EntryRefused: As `enter`, or something else would change than what was agreed to.
    """
    with writing(engine).begin() as connection:
        plan = enter(connection, site, by)
        if planned is not None and plan.changes != planned:
            raise EntryRefused("the registry was changed meanwhile; nothing was entered, look again: jieyue-cloud site plan FOLDER")
    return plan


def enter(connection: sa.Connection, site: Site, by: By) -> Plan:
    """Enter a site; done again, it changes nothing.

    Args:
        connection: In a transaction that writes. Rolled back, it was a plan.
        site: From its files.
        by: Who, when, and from which day on.

    Raises:
        EntryRefused: The day lies before one that has a value already, or a unit lost its first day
            or would lose what changed before it, or has a change before it.
    """
    last, old = documents(connection, site.group)
    names = renamed(connection, site)
    new = document(site)
    before = None if old is None else reference(old, names.units, names.meters)
    _begun(before, site.units)
    changes = [
        Change("renamed", kind, name, f"was {was}")
        for kind, found in (("unit", names.units), ("meter", names.meters))
        for was, name in found.items()
    ]
    changes += () if before is None else differences(before, new)
    register, files = kept(connection, site.group), stated(site)
    changes += new_ratios(connection, register, files, by.name, by.now)
    changes += replaced(connection, register, files, by.now)
    changes += recounted(connection, register, files)
    _rows(connection, site, files, by.day)
    added = [] if before is None else [one.id for one in files.meters.values() if one.id not in register.meters and one.device is not None]
    meters.mark_added(connection, site.group, added, by.day.isoformat())
    changes += people(connection, site, by.day, first=before is None)
    if changes or last != new:
        _record(connection, site, new, changes, by)
    return Plan(before is None, changes, () if before is None else list(suspected(changes, before, new)), names.units)


def _begun(before: Document | None, units: Sequence[Institution]) -> None:
    """Refuse a unit whose first day was taken out of the files: was it always there, or is the day still right?"""
    known = {unit["id"]: unit.get("since") for unit in (before or {}).get("units", ())}
    for unit in units:
        if unit.since is None and known.get(unit.id) is not None:
            said = f"expected {known[unit.id]}, as it was entered, or another day ({dated.VALID_FROM} if it was always there), got none"
            raise EntryRefused(f"units: {unit.id}: since: {said}")


def _rows(connection: sa.Connection, site: Site, files: Register, day: date) -> None:
    """Enter what stands in the registry once, retire what the files no longer have."""
    from_day = day.isoformat()
    organisations.enter(
        connection,
        model.Site(site.id, site.group, name_of(site.name)),
        [model.Compound(compound.id, name_of(compound.name)) for compound in site.compounds],
        [model.Institution(unit.id, name_of(unit.name), unit.compound) for unit in site.units],
        from_day,
    )
    devices.enter(connection, site.group, list(files.devices.values()), from_day)
    meters.enter(connection, site.group, list(files.meters.values()), from_day)
    served = [(meter.id, unit) for meter in site.meters for unit in dict.fromkeys(meter.units)]
    meters.enter_served(connection, site.group, list(files.meters), served)


def _record(connection: sa.Connection, site: Site, new: Document, changes: Sequence[Change], by: By) -> None:
    organisations.keep_document(connection, site.group, json.dumps(new, ensure_ascii=False), by.name, by.now)
    detail = {"site": site.id, "from": by.day.isoformat()} | on_record(changes)
    audited(connection, "site", detail, by.name, by.now, group=site.group)
