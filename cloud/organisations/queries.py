"""What others ask of the site and whom it has."""

from __future__ import annotations

import json
from collections.abc import Collection

import sqlalchemy as sa

from cloud.organisations.model import Approved, Compound, EnteredSite, Stated, Unit
from cloud.organisations.tables import compound, denominator, entered_site, site, unit

GROUPS = sa.select(site.c.grp)
"""Asks for the groups that have a site; for a question that needs them inside."""
PRESENT = sa.select(unit.c.id).where(unit.c.retired_on.is_(None))
"""Asks for the ids of the institutions that were not retired; for a question that needs them inside."""


def groups(connection: sa.Connection) -> set[str]:
    """The groups that have a site."""
    return set(connection.execute(GROUPS).scalars())


def site_of(connection: sa.Connection, group: str) -> str:
    """The id of a group's site; empty where none was entered."""
    return connection.execute(sa.select(site.c.id).where(site.c.grp == group).limit(1)).scalar_one_or_none() or ""


def entered(connection: sa.Connection, group: str | None = None) -> EnteredSite | None:
    """What was entered last, for a group or for any; None if nothing was."""
    query = sa.select(entered_site.c.document, entered_site.c.entered_at)
    row = connection.execute(query if group is None else query.where(entered_site.c.grp == group)).first()
    return None if row is None else EnteredSite._make(row)


def units(connection: sa.Connection, on: str | None = None) -> list[Unit]:
    """The institutions that the site had on a day (ISO date), by id; all that there ever were if no day is given."""
    query = sa.select(unit.c.id, unit.c.name, unit.c.compound)
    query = query if on is None else query.where(sa.or_(unit.c.retired_on.is_(None), unit.c.retired_on > on))
    return [Unit(row.id, json.loads(row.name), row.compound) for row in connection.execute(query.order_by(unit.c.id)).all()]


def has_units(connection: sa.Connection) -> bool:
    """Whether there ever was an institution."""
    return connection.execute(sa.select(unit.c.id).limit(1)).first() is not None


def known_units(connection: sa.Connection, ids: Collection[str]) -> list[str]:
    """Those of some ids that an institution has."""
    return list(connection.execute(sa.select(unit.c.id).where(unit.c.id.in_(list(ids)))).scalars())


def units_retired_on(connection: sa.Connection, day: str) -> list[str]:
    """The institutions whose first day without them was this one (ISO date)."""
    return list(connection.execute(sa.select(unit.c.id).where(unit.c.retired_on == day)).scalars())


def compounds(connection: sa.Connection) -> dict[str, str]:
    """The compound of each institution that there ever was, by its id."""
    rows = connection.execute(sa.select(unit.c.id, unit.c.compound).order_by(unit.c.id))
    return {row.id: row.compound for row in rows}


def all_compounds(connection: sa.Connection) -> list[Compound]:
    """The compounds that there ever were, by id."""
    rows = connection.execute(sa.select(compound.c.id, compound.c.name).order_by(compound.c.id))
    return [Compound(row.id, json.loads(row.name)) for row in rows]


def names(connection: sa.Connection) -> dict[str, dict[str, str]]:
    """What people call each compound and each institution, by its id."""
    return {row.id: json.loads(row.name) for table in (compound, unit) for row in connection.execute(sa.select(table.c.id, table.c.name))}


def site_name(connection: sa.Connection) -> dict[str, str]:
    """What people call the first site."""
    name: dict[str, str] = json.loads(connection.execute(sa.select(site.c.name).order_by(site.c.id).limit(1)).scalar_one())
    return name


def denominators(connection: sa.Connection) -> list[Stated]:
    """All headcounts and areas, as they were approved."""
    return [Stated._make(row) for row in connection.execute(sa.select(*(denominator.c[name] for name in Stated._fields)))]


def approved(connection: sa.Connection, kind: str) -> list[Approved]:
    """All headcounts, or all areas, with who approved them."""
    column = denominator.c
    rows = connection.execute(sa.select(column.unit, column.valid_from, column.value, column.approved_by).where(column.kind == kind))
    return [Approved._make(row) for row in rows]
