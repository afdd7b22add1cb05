"""What others ask of the site, whom it has, and the organisations above it."""

from __future__ import annotations

import json
from collections.abc import Collection

import sqlalchemy as sa

from cloud.organisations.model import Approved, Compound, EnteredSite, Institution, Stated
from cloud.organisations.tables import compound, denominator, entered_site, organisation, site, unit
from cloud.organisations.tree import Organisation, Tree, tree_of

_OF_TREE = tuple("grp" if name == "group" else name for name in Organisation._fields)
GROUPS = sa.select(site.c.grp)
"""Asks for the groups that have a site; for a question that needs them inside."""


def present(group: str) -> sa.Select[tuple[str]]:
    """Asks for the ids of a group's institutions that were not retired; for a question that needs them inside."""
    return sa.select(unit.c.id).where(unit.c.grp == group, unit.c.retired_on.is_(None))


def groups(connection: sa.Connection) -> set[str]:
    """The groups that have a site."""
    return set(connection.execute(GROUPS).scalars())


def published_as(connection: sa.Connection) -> dict[str, str]:
    """What the tag `group` of published figures says, by group; empty, which is no tag, of the district that was the first here."""
    return {row.grp: row.published_as for row in connection.execute(sa.select(site.c.grp, site.c.published_as))}


def site_of(connection: sa.Connection, group: str) -> str:
    """The id of a group's site; empty where none was entered."""
    return connection.execute(sa.select(site.c.id).where(site.c.grp == group).limit(1)).scalar_one_or_none() or ""


def entered_groups(connection: sa.Connection) -> list[str]:
    """The groups for which a site was entered: the one that was the first here, then the others by their codes."""
    query = sa.select(entered_site.c.grp).join_from(entered_site, site, site.c.grp == entered_site.c.grp, isouter=True)
    return list(connection.execute(query.order_by(site.c.published_as, entered_site.c.grp)).scalars())


def entered(connection: sa.Connection, group: str) -> EnteredSite | None:
    """What was entered last for a group; None if nothing was."""
    query = sa.select(entered_site.c.document, entered_site.c.entered_at).where(entered_site.c.grp == group)
    row = connection.execute(query).one_or_none()
    return None if row is None else EnteredSite._make(row)


def last_entered(connection: sa.Connection) -> dict[str, int]:
    """When a site was entered last for each group, ms."""
    return {group: at for group, at in connection.execute(sa.select(entered_site.c.grp, entered_site.c.entered_at))}  # noqa: C416 (as above)


def units(connection: sa.Connection, group: str, on: str | None = None) -> list[Institution]:
    """The institutions that a group's site had on a day (ISO date), by id; all that there ever were if no day is given."""
    query = sa.select(unit.c.id, unit.c.name, unit.c.compound).where(unit.c.grp == group)
    query = query if on is None else query.where(sa.or_(unit.c.retired_on.is_(None), unit.c.retired_on > on))
    return [Institution(row.id, json.loads(row.name), row.compound) for row in connection.execute(query.order_by(unit.c.id)).all()]


def has_units(connection: sa.Connection, group: str) -> bool:
    """Whether a group ever had an institution."""
    return connection.execute(sa.select(unit.c.id).where(unit.c.grp == group).limit(1)).first() is not None


def known_units(connection: sa.Connection, group: str, ids: Collection[str]) -> list[str]:
    """Those of some ids that an institution of a group has."""
    return list(connection.execute(sa.select(unit.c.id).where(unit.c.grp == group, unit.c.id.in_(list(ids)))).scalars())


def units_retired_on(connection: sa.Connection, group: str, day: str) -> list[str]:
    """The institutions of a group whose first day without them was this one (ISO date)."""
    return list(connection.execute(sa.select(unit.c.id).where(unit.c.grp == group, unit.c.retired_on == day)).scalars())


def compounds(connection: sa.Connection, group: str) -> dict[str, str]:
    """The compound of each institution that a group ever had, by its id."""
    rows = connection.execute(sa.select(unit.c.id, unit.c.compound).where(unit.c.grp == group).order_by(unit.c.id))
    return {row.id: row.compound for row in rows}


def all_compounds(connection: sa.Connection, group: str) -> list[Compound]:
    """The compounds that a group ever had, by id."""
    rows = connection.execute(sa.select(compound.c.id, compound.c.name).where(compound.c.grp == group).order_by(compound.c.id))
    return [Compound(row.id, json.loads(row.name)) for row in rows]


def names(connection: sa.Connection, group: str) -> dict[str, dict[str, str]]:
    """What people call each compound and each institution of a group, by its id."""
    asked = [sa.select(table.c.id, table.c.name).where(table.c.grp == group) for table in (compound, unit)]
    return {row.id: json.loads(row.name) for query in asked for row in connection.execute(query)}


def site_name(connection: sa.Connection, group: str) -> dict[str, str]:
    """What people call the site of a group."""
    name: dict[str, str] = json.loads(connection.execute(sa.select(site.c.name).where(site.c.grp == group)).scalar_one())
    return name


def denominators(connection: sa.Connection, group: str) -> list[Stated]:
    """All headcounts, areas and other denominators of a group, as they were approved."""
    return [
        Stated._make(row)
        for row in connection.execute(sa.select(*(denominator.c[name] for name in Stated._fields)).where(denominator.c.grp == group))
    ]


def kinds(connection: sa.Connection, group: str) -> set[str]:
    """What a group's figures may be divided by: `headcount`, `area` and others that its files state."""
    return set(connection.execute(sa.select(denominator.c.kind).where(denominator.c.grp == group).distinct()).scalars())


def approved(connection: sa.Connection, group: str, kind: str) -> list[Approved]:
    """All denominators of one kind of a group, with who approved them."""
    column = denominator.c
    query = sa.select(column.unit, column.valid_from, column.value, column.approved_by)
    rows = connection.execute(query.where(column.grp == group, column.kind == kind))
    return [Approved._make(row) for row in rows]


def tree(connection: sa.Connection) -> Tree:
    """All organisations that were entered."""
    rows = connection.execute(sa.select(*(organisation.c[name] for name in _OF_TREE)).order_by(organisation.c.id))
    return tree_of(Organisation(*row)._replace(name=json.loads(row.name)) for row in rows)
