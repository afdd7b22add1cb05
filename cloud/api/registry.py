"""Units and meters, as they stand in the registry."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import sqlalchemy as sa

from cloud.api import shapes
from cloud.api.context import Context
from cloud.indicators.denominators import mean
from cloud.indicators.scopes import load_series
from cloud.registry.tables import meter, meter_unit, unit


def units(context: Context, on: date) -> list[shapes.Unit]:
    """The units that there are on a day, with their people and area."""
    there = sa.or_(unit.c.retired_on.is_(None), unit.c.retired_on > on.isoformat())
    with context.engine.connect() as connection:
        series = load_series(connection)
        rows = connection.execute(sa.select(unit).where(there).order_by(unit.c.id)).all()
    until = on + timedelta(days=1)
    return [
        shapes.Unit(
            id=row.id,
            name=json.loads(row.name)["zh"],
            compound=row.compound,
            headcount=_number(mean(series.get((row.id, "headcount"), ()), on, until)),
            area=_number(mean(series.get((row.id, "area"), ()), on, until)),
        )
        for row in rows
    ]


def meters(context: Context) -> list[shapes.Meter]:
    """All meters with the units they serve."""
    served: defaultdict[str, list[str]] = defaultdict(list)
    with context.engine.connect() as connection:
        for row in connection.execute(sa.select(meter_unit).order_by(meter_unit.c.unit)):
            served[row.meter].append(row.unit)
        rows = connection.execute(sa.select(meter).where(meter.c.grp == context.group).order_by(meter.c.id)).all()
    return [
        shapes.Meter(id=row.id, device=row.device, energy=row.energy, parent=row.parent, main=row.main, units=served[row.id])
        for row in rows
    ]


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
