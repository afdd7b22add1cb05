"""Consumption, denominators, factors and targets, with what they raise as problems."""

from __future__ import annotations

from datetime import date

from cloud.api.context import Context
from cloud.api.params import Every
from cloud.api.problems import not_found
from cloud.api.schemas import Consumed, Denominators, Factor
from cloud.indicators import figures, rollups
from cloud.indicators.model import Targets
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger import book
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import as_of
from cloud.organisations.tree import ORGANISATION


def consumption(context: Context, meter: str, start: int, end: int, every: Every) -> list[Consumed]:
    """What a meter used, by interval.

    Raises:
        HTTPException: 404, no such meter.
    """
    try:
        found = book.consumption(context.engine, MeterKey(context.group, meter), start, end, every)
    except book.UnknownMeterError:
        raise not_found("meter", meter) from None
    return [Consumed(**item) for item in found]


def denominators(context: Context, scope: str, start: int, end: int) -> Denominators:
    """What figures of a scope over a span are divided by.

    Raises:
        HTTPException: 404, no such compound, unit or organisation.
    """
    try:
        if scope.startswith(ORGANISATION):
            found = rollups.denominators_of(context.engine, context.within, scope, start, end)
        else:
            found = figures.denominators_of(context.engine, context.group, scope, start, end)
    except UnknownScopeError:
        raise not_found("scope", scope) from None
    return Denominators(**found)


def factors(context: Context, on: date, name: str) -> list[Factor]:
    """The factors of a set that hold on a day, by energy.

    Raises:
        HTTPException: 404, no such set.
    """
    found = figures.factor_rows(context.engine, on, name)
    if not found and not figures.has_set(context.engine, name):
        raise not_found("factor set", name)
    return [Factor(**row) for row in found]


def targets(context: Context, year: int, scope: str, on: date | None = None) -> Targets:
    """The targets of a year for a scope, now or at the end of a day.

    Raises:
        HTTPException: 404, no such compound, unit or organisation.
    """
    now = as_of(on, context.clock.now_ms())
    try:
        if scope.startswith(ORGANISATION):
            return rollups.targets_of(context.engine, context.within, year, scope, now)
        return figures.targets_of(context.engine, context.group, year, scope, now)
    except UnknownScopeError:
        raise not_found("scope", scope) from None
