"""Units, meters, denominators and factors, as they stand in the registry."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa

from cloud.api import shapes
from cloud.api.context import Context
from cloud.api.problems import not_found
from cloud.indicators.denominators import Dated, mean, total
from cloud.ledger.periods import local_date
from cloud.registry.tables import compound, denominator, meter, meter_unit, unit

Kind = Literal["headcount", "area"]
_Series = defaultdict[tuple[str, str], list[Dated]]


def units(context: Context, on: date) -> list[shapes.Unit]:
    """All units with their people and area on a day."""
    with context.engine.connect() as connection:
        series = _series(connection)
        rows = connection.execute(sa.select(unit).order_by(unit.c.id)).all()
    until = on + timedelta(days=1)
    return [
        shapes.Unit(
            id=row.id,
            name=json.loads(row.name)["zh"],
            compound=row.compound,
            headcount=_number(mean(series[row.id, "headcount"], on, until)),
            area=_number(mean(series[row.id, "area"], on, until)),
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


def denominators(context: Context, scope: str, start: date, end: date) -> shapes.Denominators:
    """Day-weighted means of a scope over the days from `start` up to but not including `end`.

    Raises:
        HTTPException: 404, no such compound or unit.
    """
    with context.engine.connect() as connection:
        members = units_of(connection, scope)
        series = _series(connection)
    means = {kind: total([series[name, kind] for name in members], start, end) for kind in ("headcount", "area")}
    return shapes.Denominators(headcount=_number(means["headcount"]), area=_number(means["area"]))


def day_after(end: int) -> date:
    """The first day (Shanghai) that a span which ends at `end` (ms, exclusive) no longer touches."""
    return local_date(end - 1) + timedelta(days=1)


def units_of(connection: sa.Connection, scope: str) -> Sequence[str]:
    """The ids of a scope's units.

    Raises:
        HTTPException: 404, no such compound or unit.
    """
    kind, _, name = scope.partition(":")
    query = sa.select(unit.c.id).order_by(unit.c.id)
    if kind == "compound":
        if connection.execute(sa.select(compound.c.id).where(compound.c.id == name)).one_or_none() is None:
            raise not_found(kind, name)
        query = query.where(unit.c.compound == name)
    elif kind == "unit":
        query = query.where(unit.c.id == name)
    found = connection.execute(query).scalars().all()
    if kind == "unit" and not found:
        raise not_found(kind, name)
    return found


def _series(connection: sa.Connection) -> _Series:
    """All approved values by unit and kind."""
    found: _Series = defaultdict(list)
    for row in connection.execute(sa.select(denominator)):
        found[row.unit, row.kind].append(Dated(date.fromisoformat(row.valid_from), row.value))
    return found


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
