"""Collects the facts of the targets report from ledger and registry, by the functions that answer `/api/v1/targets`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import sqlalchemy as sa

from cloud.definitions import definitions
from cloud.devices.queries import register
from cloud.indicators import scopes, spans
from cloud.indicators.amounts import WATER
from cloud.indicators.figures import factor_rows, factors_of, targets_in
from cloud.indicators.model import Targets
from cloud.indicators.scopes import Scope
from cloud.indicators.spans import CountedMeter, Span
from cloud.indicators.sums import Sums
from cloud.ledger.base_units import energy_of
from cloud.ledger.counters import Provenance, shares
from cloud.ledger.periods import local_date
from cloud.ledger.queries import meters as queries
from cloud.organisations import queries as organisations
from cloud.reports.base import MissingError
from cloud.reports.period import Period
from cloud.reports.targets.curves import daily, monthly
from cloud.reports.targets.facts import NOTHING, Compared, Denominator, EnergyRow, Facts, MeterRow, Name, Pair, Shares, UnitRow
from cloud.reports.targets.faults import faults_of
from cloud.reports.targets.used import Used, by_energy
from contract.clock import parse_time
from contract.coded import Message

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom the report is about, and what everything is called."""

    text: str
    registry: scopes.Registry
    scope: Scope
    subs: Sequence[CountedMeter]
    names: Mapping[str, Name]
    site: Name

    @property
    def energies(self) -> list[CountedMeter]:
        """Main meters of all that is converted to standard coal."""
        return [meter for meter in self.scope.meters if meter.energy != WATER]

    @property
    def name(self) -> Name:
        """Of the scope."""
        return self.site if self.text == scopes.DISTRICT else self.names[self.text.partition(":")[2]]


def gather(engine: sa.Engine, group: str, period: Period, scope: str, now: int) -> Facts:
    """The facts of a period for a scope.

    Args:
        engine: Of registry and ledger.
        group: The district's code.
        period: The year, quarter or month.
        scope: `district`, `compound:ID` or `unit:ID`.
        now: ms since 1970 in UTC.

    Raises:
        UnknownScopeError: There is no such scope.
        MissingError: Nothing is known of the period; the message says what is missing.
    """
    until = min(now, period.end)
    span = Span(period.start, spans.as_of(period.year, until))
    if span.end <= span.start:
        raise MissingError(Message("report.fault.no_day_over", period=period.code()))
    with engine.connect() as connection:
        who = _who(connection, group, scope)
        ids = [meter.id for meter, _ in who.registry.meters] + [meter.id for meter in who.subs]
        used = Used(period, Sums(connection, group, ids, until), factors_of(connection, period.year))
        _need(who, used, span)
        targets = targets_in(who.scope, scope, period.year, used.sums, used.factors)
        faults = faults_of(connection, group, span, _subjects(connection, who), who.names)
        factors = [row for row in factor_rows(engine, date(period.year, 1, 1)) if row["energy"] in by_energy(who.energies)]
        energies, total, total_spans = _energies(who, used)
        return Facts(
            period=period,
            scope=scope,
            scope_name=who.name,
            site_name=who.site,
            as_of=span.end,
            targets=targets,
            total_spans=total_spans,
            energies=energies,
            total=total,
            denominators=_denominators(who, targets),
            months=monthly(used, who.scope, span.end),
            days=daily(used, who.scope, span) if period.quarter or period.month else [],
            meters=[_meter(who, used, meter, main=main) for main, some in ((True, who.scope.meters), (False, who.subs)) for meter in some],
            total_shares=_shares(who, used, total_spans),
            units=_units(who, used),
            faults=faults,
            factors=factors,
            names=who.names,
        )


def _who(connection: sa.Connection, group: str, text: str) -> _Who:
    registry = scopes.load(connection, group)
    scope = scopes.scope_of(registry, text)
    kind, _, name = text.partition(":")
    subs = [
        meter
        for meter, compound in scopes.counted_meters(connection, group, main=False)
        if kind == scopes.DISTRICT or compound == name or (kind == "unit" and name in registry.serves.get(meter.id, ()))
    ]
    names = organisations.names(connection, group) | register.names(connection, group) | queries.names(connection, group)
    site = organisations.site_name(connection, group)
    return _Who(text, registry, scope, subs, cast("dict[str, Name]", names), cast("Name", site))


def _need(who: _Who, used: Used, span: Span) -> None:
    """Refuse a report that would have nothing to say."""
    asked = [meter.id for meter in who.scope.meters]
    if not asked:
        raise MissingError(Message("report.fault.no_main_meter", scope=who.text))
    if not any(meter in used.sums.over(span) for meter in asked):
        first, last, meters = str(local_date(span.start)), str(local_date(span.end - 1)), ", ".join(asked)
        period, scope = used.period.code(), who.text
        raise MissingError(Message("report.fault.nothing_known", period=period, scope=scope, meters=meters, first=first, last=last))


def _energies(who: _Who, used: Used) -> tuple[list[EnergyRow], Pair, Compared]:
    """What was used by energy. All that is converted ends with one day, so that the parts sum to the total.

    Where one energy is not known at all in the period, each is given as far as it is known, and there is no total.
    """
    common = used.compared(who.energies)
    total = used.coals(who.scope, who.energies, common)
    rows = []
    for energy, meters in by_energy(who.scope.meters).items():
        apart = energy == WATER or common.this is None
        compared = used.compared(meters) if apart else common
        coal = NOTHING if energy == WATER else used.coals(who.scope, meters, compared)
        share = coal.this / total.this if coal.this is not None and total.this else None
        unit = energy_of(energy).factor_unit
        rows.append(EnergyRow(energy, unit, compared, used.amounts(who.scope, meters, compared), coal, share))
    return rows, total, common


def _denominators(who: _Who, targets: Targets) -> list[Denominator]:
    """What both sides of each indicator were divided by, over its own spans."""
    found = []
    for definition, indicator in zip(definitions(), targets.indicators, strict=True):
        sides = [
            None if side.start is None or side.end is None else Span(parse_time(side.start), parse_time(side.end))
            for side in (indicator.actual, indicator.baseline)
        ]
        this, last = (None if span is None else who.scope.denominator(definition.per, span) for span in sides)
        found.append(Denominator(definition.id, definition.per, Pair(this, last)))
    return found


def _meter(who: _Who, used: Used, meter: CountedMeter, *, main: bool) -> MeterRow:
    compared = used.compared([meter])
    coal = NOTHING if meter.energy == WATER else used.coals(who.scope, [meter], compared)
    part = used.of(who.scope, meter, compared.this) or {}
    unit = energy_of(meter.energy).factor_unit
    amount = used.amounts(who.scope, [meter], compared)
    return MeterRow(meter.id, who.names[meter.id], meter.energy, main, unit, compared, amount, coal, shares(part))


def _shares(who: _Who, used: Used, common: Compared) -> dict[str, Shares]:
    """Provenance of each energy over its main meters, and of the total in kgce."""
    found: dict[str, Shares] = {}
    whole = dict.fromkeys(Provenance, Decimal(0))
    for energy, meters in by_energy(who.scope.meters).items():
        span = used.compared(meters).this if energy == WATER or common.this is None else common.this
        if span is None:
            continue
        parts = [used.of(who.scope, meter, span) or {} for meter in meters]
        amounts = {p: Decimal(sum(part.get(p, 0) for part in parts)) for p in Provenance}
        found[energy] = shares(amounts)
        if energy in used.factors:
            worth = used.factors[energy].kgce_per_unit / energy_of(energy).per_factor_unit
            whole = {p: whole[p] + amounts[p] * worth for p in Provenance}
    return found | ({} if common.this is None else {TOTAL: shares(whole)})


def _units(who: _Who, used: Used) -> list[UnitRow]:
    """What each unit of the scope has of the energy; shared meters by floor area, as for its own indicators."""
    found = []
    for unit in who.scope.units:
        scope = scopes.scope_of(who.registry, f"unit:{unit}")
        meters = [meter for meter in scope.meters if meter.energy != WATER]
        if meters:
            compared = used.compared(meters)
            found.append(UnitRow(unit, who.names[unit], compared, used.coals(scope, meters, compared)))
    return found


def _subjects(connection: sa.Connection, who: _Who) -> dict[str, CountedMeter | None]:
    """What may have faults: meters that are counted, the devices behind them and their gateways; in a district, all devices."""
    group, counted = who.registry.group, {meter.id: meter for meter in (*who.scope.meters, *who.subs)}
    behind = None if who.text == scopes.DISTRICT else queries.devices_of(connection, group, counted)
    found: dict[str, CountedMeter | None] = {}
    for of, gateway in register.gateways(connection, group, behind):
        found |= {of: None, gateway: None}
    return found | dict(counted)
