"""Conversion factors in SQL; each function works on the caller's connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cloud.indicators.factors import Row
from cloud.indicators.tables import factor, factor_co2
from cloud.ledger.base_units import energy_of
from cloud.platform.database import insert_new


def enter(connection: sa.Connection, coal: Sequence[Row], co2: Sequence[Row]) -> None:
    """Enter factors to coal and to CO2; rows that are there stay as they are, since a factor once used is never changed."""
    units = [_stored(row) | {"unit": energy_of(row.energy).factor_unit, "kgce_per_unit": str(row.value)} for row in coal]
    insert_new(connection, factor, units)
    insert_new(connection, factor_co2, [_stored(row) | {"kgco2_per_unit": str(row.value)} for row in co2])


def has_set(connection: sa.Connection, name: str) -> bool:
    """Whether there is a set of this name."""
    return connection.execute(sa.select(factor.c.energy).where(factor.c.set == name).limit(1)).first() is not None


def coal_rows(connection: sa.Connection, name: str) -> list[Row]:
    """The factors to coal of a set, of all times."""
    return _rows(connection, factor, "kgce_per_unit", name)


def co2_rows(connection: sa.Connection, name: str) -> list[Row]:
    """The factors to CO2 of a set, of all times."""
    return _rows(connection, factor_co2, "kgco2_per_unit", name)


def _stored(row: Row) -> dict[str, Any]:
    until = None if row.valid_to is None else row.valid_to.isoformat()
    return {"set": row.set, "energy": row.energy, "valid_from": row.valid_from.isoformat(), "valid_to": until, "source": row.source}


def _rows(connection: sa.Connection, table: sa.Table, value: str, name: str) -> list[Row]:
    columns = (table.c.energy, table.c[value], table.c.valid_from, table.c.valid_to, table.c.source, table.c.set)
    return [
        Row(energy, Decimal(number), date.fromisoformat(begin), None if end is None else date.fromisoformat(end), source, of_set)
        for energy, number, begin, end, source, of_set in connection.execute(sa.select(*columns).where(table.c.set == name))
    ]
