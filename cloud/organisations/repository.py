"""Whom a site has, written: the site as it was entered, its compounds and institutions, what these are divided by, and the tree above.

Each function works on the caller's connection, in a transaction that writes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

import sqlalchemy as sa

from cloud.organisations.model import Compound, Institution, Site
from cloud.organisations.tables import compound, denominator, entered_site, organisation, site, unit
from cloud.organisations.tree import KINDS, Organisation
from cloud.platform.database import upsert
from cloud.platform.histories import copy, enter_and_retire, move

_AT_A_TIME = 1000
_LOCK = 0x6A79_7369
"""PostgreSQL's advisory lock of entering a site, or the tree of organisations."""


def enter(connection: sa.Connection, one: Site, compounds: Sequence[Compound], units: Sequence[Institution], day: str) -> None:
    """Enter a group's only site with its compounds and institutions; its other institutions are retired from a day (ISO) on.

    Two that enter the first sites of a database at once do so one after the other, since one district only is the first.
    """
    lock(connection)
    connection.execute(sa.delete(site).where(site.c.grp == one.group, site.c.id != one.id))
    upsert(connection, site, [{"grp": one.group, "id": one.id, "name": _text(one.name)}])
    first = sa.select(site.c.grp).where(site.c.grp != one.group, site.c.published_as == "").exists()
    connection.execute(sa.update(site).where(site.c.grp == one.group, first).values(published_as=one.group))
    upsert(connection, compound, [{"grp": one.group, "id": c.id, "name": _text(c.name)} for c in compounds])
    rows = [{"id": u.id, "name": _text(u.name), "compound": u.compound} for u in units]
    enter_and_retire(connection, unit, one.group, rows, day)


def enter_tree(connection: sa.Connection, organisations: Sequence[Organisation]) -> None:
    """Enter the whole tree of organisations; those that it does not have are deleted."""
    rows = [
        {"id": one.id, "parent": one.parent, "kind": one.kind, "name": _text(one.name), "grp": one.group, "unit": one.unit}
        for one in sorted(organisations, key=lambda one: KINDS.index(one.kind))  # each behind its parent
    ]
    upsert(connection, organisation, rows)
    stays = {one.id for one in organisations}
    known = connection.execute(sa.select(organisation.c.id, organisation.c.kind)).all()
    gone = sorted((one for one in known if one.id not in stays), key=lambda one: KINDS.index(one.kind), reverse=True)
    for start in range(0, len(gone), _AT_A_TIME):  # each before its parent; a statement takes so many parameters only
        ids = [one.id for one in gone[start : start + _AT_A_TIME]]
        connection.execute(sa.delete(organisation).where(organisation.c.id.in_(ids)))


def lock(connection: sa.Connection) -> None:
    """Let nobody else enter a site or the tree until the transaction ends; on SQLite one that writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def keep_document(connection: sa.Connection, group: str, text: str, by: str, now: int) -> None:
    """Keep what a site's files said (JSON), who entered it, and when (ms)."""
    upsert(connection, entered_site, [{"grp": group, "document": text, "entered_by": by, "entered_at": now}])


def enter_denominators(
    connection: sa.Connection, group: str, name: str, kind: str, values: Mapping[str, Decimal], gone: Collection[str], by: str
) -> None:
    """Enter the denominators of one kind of an institution by the day (ISO) that they hold from, and delete those of other days.

    Args:
        connection: In a transaction that writes.
        group: District code.
        name: Id of the institution.
        kind: `headcount`, `area` (m2) or another one of the site's.
        values: By day.
        gone: Days whose values are deleted.
        by: Who approved them.
    """
    column = denominator.c
    of_kind = sa.and_(column.grp == group, column.unit == name, column.kind == kind)
    connection.execute(sa.delete(denominator).where(of_kind, column.valid_from.in_(list(gone))))
    row = {"grp": group, "unit": name, "kind": kind, "approved_by": by}
    upsert(connection, denominator, [row | {"valid_from": day, "value": value} for day, value in values.items()])


def copy_unit(connection: sa.Connection, group: str, old: str, new: str) -> None:
    """Begin to rename an institution of a group: it is there under both ids, and what it is divided by names the new one.

    So does the organisation of the tree that is this institution, unless another one names the new id already.
    """
    copy(connection, unit, group, old, new)
    move(connection, denominator, "unit", group, old, new)
    other = organisation.alias()
    taken = sa.select(sa.literal(1)).select_from(other).where(other.c.grp == group, other.c.unit == new).exists()
    mine = sa.and_(organisation.c.grp == group, organisation.c.unit == old, sa.not_(taken))
    connection.execute(sa.update(organisation).where(mine).values(unit=new))


def drop_unit(connection: sa.Connection, group: str, old: str) -> None:
    """Delete an institution whose rows name another id."""
    connection.execute(sa.delete(unit).where(unit.c.grp == group, unit.c.id == old))


def _text(name: Mapping[str, str]) -> str:
    return json.dumps(name, ensure_ascii=False)
