"""An id that is renamed on record: everything that was kept under the old one is kept under the new one."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from cloud.devices import tables as devices_tables
from cloud.ledger import tables as ledger_tables
from cloud.platform.schema import metadata

_COUNTED = "counter_"
"""How the kinds of events begin whose subject is a meter."""


def renamed(connection: sa.Connection, table: sa.Table, old: str, new: str) -> None:
    """Move what is kept of a unit or a meter to another id.

    Where both ids are there, since somebody entered the new one without saying what it was before, what the new one has
    precedes, and the old one's rows fill what it lacks.

    Args:
        connection: In a transaction that writes.
        table: `unit` or `meter`.
        old: The id that goes.
        new: The id that stays.
    """
    row = connection.execute(sa.select(table).where(table.c.id == old)).mappings().one()
    if connection.execute(sa.select(table.c.id).where(table.c.id == new)).first() is None:
        connection.execute(sa.insert(table), [dict(row) | {"id": new}])
    for child, column in _children(table):
        _move(connection, child, column, old, new)
    if table is ledger_tables.meter:
        _move(connection, devices_tables.event, devices_tables.event.c.subject, old, new, devices_tables.event.c.kind.startswith(_COUNTED))
        connection.execute(sa.update(table).where(table.c.parent == old).values(parent=new))
    connection.execute(sa.delete(table).where(table.c.id == old))


def _children(table: sa.Table) -> Iterator[tuple[sa.Table, sa.Column[str]]]:
    """Every table that names one of these; many name a meter without a foreign key (`unit` is a unit of measure elsewhere)."""
    for child in metadata.sorted_tables:
        column = child.c.get(table.name)
        if child is not table and column is not None and (column.foreign_keys or table is ledger_tables.meter):
            yield child, column


def _move(
    connection: sa.Connection, table: sa.Table, column: sa.Column[str], old: str, new: str, where: sa.ColumnElement[bool] | None = None
) -> None:
    mine = column == old if where is None else sa.and_(column == old, where)
    other = table.alias()
    for names in _unique(table, column.name):
        same = sa.and_(other.c[column.name] == new, *(other.c[name] == table.c[name] for name in names))
        taken = sa.select(sa.literal(1)).select_from(other).where(same).correlate(table).exists()
        connection.execute(sa.delete(table).where(mine, taken))
    connection.execute(sa.update(table).where(mine).values({column.name: new}))


def _unique(table: sa.Table, column: str) -> Iterator[list[str]]:
    """The other columns of each key that the column is part of; of an hour of the ledger there is one source, whatever its provenance."""
    if table is ledger_tables.ledger_hour:
        yield ["hour"]
        return
    keys = [constraint for constraint in table.constraints if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    for names in ([c.name for c in key.columns] for key in keys):
        if column in names:
            yield [name for name in names if name != column]


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
