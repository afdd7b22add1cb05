"""What others ask of the site and whom it has."""

from __future__ import annotations

import json
from typing import NamedTuple

import sqlalchemy as sa

from cloud.organisations.tables import compound, denominator, site, unit

GROUPS = sa.select(site.c.grp)
"""Asks for the groups that have a site; for a question that needs them inside."""


def groups(connection: sa.Connection) -> set[str]:
    """The groups that have a site."""
    return set(connection.execute(GROUPS).scalars())


def site_of(connection: sa.Connection, group: str) -> str:
    """The id of a group's site; empty where none was entered."""
    return connection.execute(sa.select(site.c.id).where(site.c.grp == group).limit(1)).scalar_one_or_none() or ""


class Unit(NamedTuple):
    """An institution, the compound it sits in, and what people call it."""

    id: str
    name: dict[str, str]
    compound: str


def units(connection: sa.Connection, on: str) -> list[Unit]:
    """The institutions that the site had on a day (ISO date), by id."""
    there = sa.or_(unit.c.retired_on.is_(None), unit.c.retired_on > on)
    rows = connection.execute(sa.select(unit.c.id, unit.c.name, unit.c.compound).where(there).order_by(unit.c.id)).all()
    return [Unit(row.id, json.loads(row.name), row.compound) for row in rows]


def compounds(connection: sa.Connection) -> dict[str, str]:
    """The compound of each institution that there ever was, by its id."""
    rows = connection.execute(sa.select(unit.c.id, unit.c.compound).order_by(unit.c.id))
    return {row.id: row.compound for row in rows}


def names(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """What people call each compound and each institution, by its id."""
    return {row.id: json.loads(row.name) for table in (compound, unit) for row in connection.execute(sa.select(table.c.id, table.c.name))}


def site_name(connection: sa.Connection) -> dict[str, str]:
    """What people call the first site."""
    name: dict[str, str] = json.loads(connection.execute(sa.select(site.c.name).order_by(site.c.id).limit(1)).scalar_one())
    return name


class Stated(NamedTuple):
    """A headcount or an area (m2) of an institution from a day (ISO) on."""

    unit: str
    kind: str
    valid_from: str
    value: float


def denominators(connection: sa.Connection) -> list[Stated]:
    """All headcounts and areas, as they were approved."""
    return [Stated._make(row) for row in connection.execute(sa.select(*(denominator.c[name] for name in Stated._fields)))]
