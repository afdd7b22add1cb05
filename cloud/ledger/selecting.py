"""Conditions that choose rows of a meter, or of some meters: always by the group first, as every key has it.

What is asked again and again is built once, with parameters: to build a statement takes longer than to ask it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from cloud.ledger.model import MeterKey

GROUP, OF = (sa.bindparam(name, type_=sa.String) for name in ("group", "of"))
"""Parameters for the two parts of a meter's key."""
_IDS = sa.bindparam("ids", type_=sa.String, expanding=True)


def of(table: sa.Table, meter: MeterKey) -> sa.ColumnElement[bool]:
    """The rows of a table that are of a meter."""
    return sa.and_(table.c.grp == meter.group, _id(table) == meter.id)


def of_parameters(table: sa.Table) -> sa.ColumnElement[bool]:
    """The same by the parameters `group` and `of`."""
    return sa.and_(table.c.grp == GROUP, _id(table) == OF)


def among(table: sa.Table) -> sa.ColumnElement[bool]:
    """The rows of a table that are of any of the meters that `of_any` names."""
    return sa.and_(table.c.grp == GROUP, _id(table).in_(_IDS))


def of_any(connection: sa.Connection, query: sa.Select[Any], meters: Iterable[MeterKey], **more: int) -> Iterator[Any]:
    """What a query that has the condition `among` finds of some meters, one district after another: each meter is one span of the index.

    Args:
        connection: To the database.
        query: Built once.
        meters: Of any district.
        more: What else the query has for parameters.
    """
    by_group: defaultdict[str, list[str]] = defaultdict(list)
    for group, name in meters:
        by_group[group].append(name)
    for group, ids in by_group.items():
        yield from connection.execute(query, {"group": group, "ids": ids, **more})


def same(table: sa.Table, other: sa.Table) -> sa.ColumnElement[bool]:
    """That the rows of two tables are of one meter."""
    return sa.and_(table.c.grp == other.c.grp, _id(table) == _id(other))


def _id(table: sa.Table) -> sa.ColumnElement[str]:
    """The column that names a meter; only the table of the meters themselves calls it `id`."""
    return table.c["meter" if "meter" in table.c else "id"]
