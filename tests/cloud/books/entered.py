"""What was entered of a meter, as the database has it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.model import MeterKey
from contract.clock import iso
from tests.cloud import tables


def months(engine: sa.Engine, meter: MeterKey) -> list[dict[str, Any]]:
    """The entered months of a meter, oldest first, with amounts in the factor's unit."""
    entry, known = tables.entry.c, tables.meter.c
    query = sa.select(entry.month, entry.amount, entry.entered_by, entry.entered_at, known.energy)
    query = query.join_from(tables.entry, tables.meter, sa.and_(known.grp == entry.grp, known.id == entry.meter))
    query = query.where(entry.grp == meter.group, entry.meter == meter.id).order_by(entry.month)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        {
            "month": row.month,
            "value": float(to_factor_unit(row.amount, row.energy)),
            "unit": energy_of(row.energy).factor_unit,
            "entered_by": row.entered_by,
            "entered_at": iso(row.entered_at),
        }
        for row in rows
    ]
