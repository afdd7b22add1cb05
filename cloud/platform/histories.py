"""Rows whose history counts: what is gone is retired instead of deleted, and a new id takes along what names the old one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cloud.platform.database import upsert


def enter_and_retire(
    connection: sa.Connection,
    table: sa.Table,
    group: str,
    rows: Sequence[Mapping[str, Any]],
    day: str,
    *among: sa.ColumnElement[bool],
) -> None:
    """Enter rows of a group, and retire its others.

    Args:
        connection: In a transaction that writes.
        table: It has the columns `grp`, `id` and `retired_on`.
        group: District code.
        rows: All with the same columns; one that was retired is there again.
        day: ISO date of the first day without the others.
        among: Which of the others are retired; all if nothing is said.
    """
    upsert(connection, table, [{**row, "grp": group, "retired_on": None} for row in rows])
    gone = (table.c.grp == group, table.c.id.not_in([row["id"] for row in rows]), table.c.retired_on.is_(None), *among)
    connection.execute(sa.update(table).where(*gone).values(retired_on=day))


def copy(connection: sa.Connection, table: sa.Table, group: str, old: str, new: str) -> None:
    """Enter a row of a group under a new id too; one that is there already precedes."""
    row = connection.execute(sa.select(table).where(table.c.grp == group, table.c.id == old)).mappings().one()
    if connection.execute(sa.select(table.c.id).where(table.c.grp == group, table.c.id == new)).first() is None:
        connection.execute(sa.insert(table), [dict(row) | {"id": new}])


def move(
    connection: sa.Connection,
    table: sa.Table,
    column: str,
    group: str,
    old: str,
    new: str,
    *,
    alike: Sequence[str] = (),
    where: sa.ColumnElement[bool] | None = None,
) -> None:
    """Let the rows of a group that name an old id name a new one; where the new one has such a row already, that one precedes.

    Args:
        connection: In a transaction that writes.
        table: Whose rows; it has the column `grp`.
        column: The one that names the id.
        group: District code.
        old: The id that goes.
        new: The id that stays.
        alike: The other columns by which two rows are the same; by default those of each key that `column` is part of.
        where: Which rows; all if nothing is said.
    """
    mine = sa.and_(table.c.grp == group, table.c[column] == old, *(() if where is None else (where,)))
    other = table.alias()
    ways: Sequence[Sequence[str]] = [alike] if alike else list(_keys(table, column))
    for names in ways:
        same = sa.and_(other.c.grp == group, other.c[column] == new, *(other.c[name] == table.c[name] for name in names))
        taken = sa.select(sa.literal(1)).select_from(other).where(same).correlate(table).exists()
        connection.execute(sa.delete(table).where(mine, taken))
    connection.execute(sa.update(table).where(mine).values({column: new}))


def _keys(table: sa.Table, column: str) -> Iterator[list[str]]:
    """The other columns of each key that a column is part of."""
    keys = [constraint for constraint in table.constraints if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for names in ([c.name for c in key.columns] for key in keys):
        if column in names:
            yield [name for name in names if name != column]
