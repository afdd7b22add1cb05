"""Conditions that choose rows of a meter, or of some meters: always by the group first, as every key has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import sqlalchemy as sa

from cloud.ledger.model import MeterKey

GROUP, OF = (sa.bindparam(name, type_=sa.String) for name in ("group", "of"))
"""Parameters for the two parts of a meter's key, for statements that are built once."""


def of(table: sa.Table, meter: MeterKey) -> sa.ColumnElement[bool]:
    """The rows of a table that are of a meter."""
    return sa.and_(table.c.grp == meter.group, _id(table) == meter.id)


def of_parameters(table: sa.Table) -> sa.ColumnElement[bool]:
    """The same by the parameters `group` and `of`."""
    return sa.and_(table.c.grp == GROUP, _id(table) == OF)


def among(table: sa.Table, meters: Iterable[MeterKey]) -> sa.ColumnElement[bool]:
    """The rows of a table that are of any of some meters: one span of the index for each district and meter."""
    by_group: defaultdict[str, list[str]] = defaultdict(list)
    for group, name in meters:
        by_group[group].append(name)
    return sa.or_(sa.false(), *(sa.and_(table.c.grp == group, _id(table).in_(ids)) for group, ids in by_group.items()))


def same(table: sa.Table, other: sa.Table) -> sa.ColumnElement[bool]:
    """That the rows of two tables are of one meter."""
    return sa.and_(table.c.grp == other.c.grp, _id(table) == _id(other))


def _id(table: sa.Table) -> sa.ColumnElement[str]:
    """The column that names a meter; only the table of the meters themselves calls it `id`."""
    return table.c["meter" if "meter" in table.c else "id"]
