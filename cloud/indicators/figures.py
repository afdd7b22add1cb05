"""The indicators of the ledger and registry in SQL: what `/api/v1/targets`, reports and panels show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import TypedDict

import sqlalchemy as sa

from cloud.indicators import export, repository, scopes, spans
from cloud.indicators.factors import CO2_ROWS, COAL_ROWS, NATIONAL, Factor, factors_on
from cloud.indicators.model import Targets
from cloud.indicators.scopes import Scope
from cloud.indicators.spans import CountedMeter, Span
from cloud.indicators.sums import Sums
from cloud.indicators.targets import Side, targets
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, local_date, year_bounds
from cloud.organisations import queries as organisations
from cloud.platform.database import writing
from cloud.telemetry.base import Figures, FiguresError, Telemetry
from contract.coded import Message
from contract.indicator import Definition


class FactorRow(TypedDict):
    """One factor as the interface gives it; validity as ISO dates, `valid_to` exclusive."""

    energy: str
    unit: str
    kgce_per_unit: float
    kgco2_per_unit: float | None
    valid_from: str
    valid_to: str | None
    source: str
    set: str


def targets_of(engine: sa.Engine, group: str, year: int, scope: str, now: int) -> Targets:
    """The targets of a year for a scope.

    Args:
        engine: Of registry and ledger.
        group: The district's code.
        year: The target's year; its factors (national set, of 1 January) are used on both sides.
        scope: `district`, `compound:ID` or `unit:ID`.
        now: ms since 1970 in UTC.

    Raises:
        UnknownScopeError: There is no such scope.
    """
    with engine.connect() as connection:
        found = scopes.scope_of(scopes.load(connection, group), scope)
        sums = Sums(connection, group, [meter.id for meter in found.meters], now)
        return targets_in(found, scope, year, sums, factors_of(connection, year))


def all_targets(connection: sa.Connection, registry: scopes.Registry, years: Iterable[int], now: int) -> Iterator[Targets]:
    """The targets of some years for a district, its compounds and its units.

    Args:
        connection: To registry and ledger, as they stand in its transaction.
        registry: Loaded from it.
        years: Of the targets.
        now: ms since 1970 in UTC.
    """
    sums = Sums(connection, registry.group, [meter.id for meter, _ in registry.meters], now)
    for year in years:
        by_energy = factors_of(connection, year)
        for text in registry.all_scopes():
            yield targets_in(scopes.scope_of(registry, text), text, year, sums, by_energy)


def targets_in(found: Scope, text: str, year: int, sums: Sums, by_energy: dict[str, Factor]) -> Targets:
    """The targets of a year for a scope, from sums that somebody else may use too.

    Args:
        found: The scope.
        text: How it was asked for.
        year: The target's year.
        sums: Of its meters at least, at the moment that the targets are of.
        by_energy: The factors of the year.
    """
    return targets(year, text, sums.now, meters=found.meters, lookup=partial(side_of, found, sums), factors=by_energy)


def side_of(scope: Scope, sums: Sums, definition: Definition, meters: Sequence[CountedMeter], span: Span) -> Side:
    """What the meters used over a span, by energy, and the scope's denominator."""
    used: defaultdict[str, defaultdict[Provenance, int]] = defaultdict(lambda: defaultdict(int))
    amounts = sums.over(span)
    for meter in meters:
        share = scope.share(meter.id, amounts.get(meter.id, {}), span)
        if share is None:
            return Side({}, None, Message("reason.no_area_of_unit", meter=meter.id))
        for provenance, amount in share.items():
            used[meter.energy][provenance] += amount
    ids = {meter.id for meter in meters}
    asked = sum(one.meter in ids and one.start < span.end and one.end >= span.start for one in sums.findings)
    return Side(used, scope.denominator(definition.per, span), provisional=not ids.isdisjoint(sums.provisional(span)), findings=asked)


def denominators_of(engine: sa.Engine, group: str, scope: str, start: int, end: int) -> dict[str, float | None]:
    """The day-weighted mean headcount (persons), floor area (m2) and other denominators of a scope of a district over [start, end) in ms.

    None where it is not known for the whole span.

    Raises:
        UnknownScopeError: There is no such scope.
    """
    with engine.connect() as connection:
        found = scopes.scope_of(scopes.load(connection, group), scope)
    values = {kind: found.denominator(kind, Span(start, end)) for kind in found.registry.kinds}
    return {kind: None if value is None else float(value) for kind, value in values.items()}


def seed_factors(engine: sa.Engine) -> None:
    """Enter the national set; rows that are there stay as they are, since a factor once used is never changed."""
    with writing(engine).begin() as connection:
        repository.enter(connection, COAL_ROWS, CO2_ROWS)


def has_set(engine: sa.Engine, name: str) -> bool:
    """Whether there is a set of factors of this name."""
    with engine.connect() as connection:
        return repository.has_set(connection, name)


def factor_rows(engine: sa.Engine, on: date, name: str = NATIONAL) -> list[FactorRow]:
    """The factors of a set that hold on a day, in order of energy; none if the set has none then."""
    with engine.connect() as connection:
        found = _held(connection, on, name)
    return [
        {
            "energy": energy,
            "unit": factor.unit,
            "kgce_per_unit": float(factor.kgce_per_unit),
            "kgco2_per_unit": None if factor.kgco2_per_unit is None else float(factor.kgco2_per_unit),
            "valid_from": factor.valid_from.isoformat(),
            "valid_to": None if factor.valid_to is None else factor.valid_to.isoformat(),
            "source": factor.source,
            "set": factor.set,
        }
        for energy, factor in sorted(found.items())
    ]


def factors_of(connection: sa.Connection, year: int) -> dict[str, Factor]:
    """The factors of the national set that figures of a year are converted with, those of 1 January, by energy."""
    return _held(connection, date(year, 1, 1), NATIONAL)


def _held(connection: sa.Connection, on: date, name: str) -> dict[str, Factor]:
    """The factors of a set that hold on a day, by energy; a set without any leaves figures null, with that reason."""
    coal = [row for row in repository.coal_rows(connection, name) if row.holds(on)]
    return factors_on(on, name, coal, repository.co2_rows(connection, name)) if coal else {}


def publish(engine: sa.Engine, telemetry: Telemetry, now: int) -> int:
    """Write the indicators of this year, of all scopes of all districts, to the time-series store, at the last complete day.

    `cloud.indicators.export` says under which names.

    Args:
        engine: Of registry and ledger.
        telemetry: Where to.
        now: ms since 1970 in UTC.

    Returns:
        How many rows were written; 0 on 1 January, when no day of the year is complete.

    Raises:
        StoreDown: The time-series store cannot be asked.
    """
    this = local_date(now).year
    return _publish(engine, telemetry, lambda _registry: [this], now)


def publish_closed(engine: sa.Engine, telemetry: Telemetry, now: int, years: int | None = None) -> int:
    """Write the last row of years that are over, at their 31 December, as the ledger has them now: it may change long afterwards.

    Args:
        engine: Of registry and ledger.
        telemetry: Where to.
        now: ms since 1970 in UTC.
        years: Of so many years before this one; None: of all that the ledger has anything of.

    Returns:
        How many rows were written.

    Raises:
        StoreDown: The time-series store cannot be asked.
    """
    this = local_date(now).year
    earliest = 0 if years is None else this - years
    return _publish(engine, telemetry, lambda registry: range(max(registry.first_year or this, earliest), this), now)


def _publish(engine: sa.Engine, telemetry: Telemetry, years: Callable[[scopes.Registry], Iterable[int]], now: int) -> int:
    """Write the rows of some years of each district; one that the store refuses keeps none of the others back."""
    number, refused = 0, None
    with engine.connect() as connection:
        tags = organisations.published_as(connection)
    for group, tag in sorted(tags.items()):
        with engine.connect() as connection:
            registry = scopes.load(connection, group)
            rows = _last_rows(connection, registry, tag, years(registry), now)
        try:
            telemetry.write_figures(export.MEASUREMENT, rows)
        except FiguresError as error:
            refused = error
        number += len(rows)
    if refused is not None:
        raise refused
    return number


def _last_rows(connection: sa.Connection, registry: scopes.Registry, tag: str, years: Iterable[int], now: int) -> list[Figures]:
    """The rows of all scopes at the last complete day of each year; none of a year that has no such day yet."""
    days = {year: spans.as_of(year, now) - DAY_MS for year in years}
    begun = [year for year, day in days.items() if day >= year_bounds(year)[0]]
    return [row for answer in all_targets(connection, registry, begun, now) for row in export.rows(answer, days[answer.year], tag)]
