"""Units, meters and organisations, as they stand in the registry."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from cloud.api import schemas
from cloud.api.context import Context
from cloud.indicators.denominators import mean
from cloud.indicators.scopes import load_series
from cloud.ledger.queries import meters as queries
from cloud.organisations import queries as institutions
from cloud.organisations import view


def units(context: Context, on: date) -> list[schemas.Institution]:
    """The units that there are on a day, with their people and area."""
    with context.engine.connect() as connection:
        series, found = load_series(connection, context.group), institutions.units(connection, context.group, on.isoformat())
    until = on + timedelta(days=1)
    return [
        schemas.Institution(
            id=unit.id,
            name=unit.name["zh"],
            compound=unit.compound,
            headcount=_number(mean(series.get((unit.id, "headcount"), ()), on, until)),
            area=_number(mean(series.get((unit.id, "area"), ()), on, until)),
        )
        for unit in found
    ]


def meters(context: Context) -> list[schemas.Meter]:
    """All meters with the units they serve."""
    with context.engine.connect() as connection:
        served, found = queries.served(connection, context.group), queries.meters(connection, context.group)
    return [
        schemas.Meter(
            id=one.id,
            device=one.device,
            point=one.point,
            energy=one.energy,
            parent=one.parent,
            main=one.main,
            units=served[one.id],
        )
        for one in found
    ]


def organisations(context: Context, on: date) -> list[schemas.Organisation]:
    """What nothing stands above of the organisations, each with what is below it."""
    with context.engine.connect() as connection:
        return [_organisation(one) for one in view.shown(connection, on.isoformat(), context.within)]


def _organisation(one: view.Shown) -> schemas.Organisation:
    return schemas.Organisation(
        id=one.id,
        kind=one.kind,
        name=schemas.Both(**one.name),
        group=one.group,
        unit=one.unit,
        scope=one.scope,
        entered=one.entered,
        below=[_organisation(child) for child in one.below],
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
