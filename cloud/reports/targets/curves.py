"""This year beside last year, by month for a whole year and by day for a quarter or month."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from cloud.definitions import definitions
from cloud.indicators.scopes import Scope
from cloud.indicators.spans import CountedMeter, Span
from cloud.indicators.targets import counts
from cloud.ledger import periods
from cloud.ledger.base_units import energy_of
from cloud.reports.targets.facts import Curve, Pair
from cloud.reports.targets.used import Used, by_energy, counted
from contract.indicator import Definition

Intervals = Sequence[tuple[Span, Span]]
"""Each interval of this year with its partner of last year."""


def monthly(used: Used, scope: Scope, until: int) -> list[Curve]:
    """The indicators and the energies by month, January to December; the month that is not over goes up to its last complete day."""
    year = used.period.year
    firsts = [periods.month_start(year, number) for number in range(1, 14)]
    intervals = [(Span(a, min(b, max(until, a))), _whole_month(year - 1, n)) for n, (a, b) in enumerate(pairwise(firsts), 1)]
    running = next((n for n, (this, _) in enumerate(intervals) if this.start < this.end < firsts[n + 1]), None)
    found = [_indicator(used, scope, definition, intervals, running) for definition in definitions()]
    return found + [_energy(used, scope, meters, intervals, running) for meters in by_energy(scope.meters).values()]


def daily(used: Used, scope: Scope, span: Span) -> list[Curve]:
    """What devices counted by day; what is entered by the month has no days."""
    starts = range(span.start, span.end, periods.DAY_MS)
    intervals = [(Span(at, at + periods.DAY_MS), _day_before(at)) for at in starts]
    metered = [meter for meter in scope.meters if meter.metered_from is not None]
    return [_energy(used, scope, meters, intervals, None) for meters in by_energy(metered).values()]


def _whole_month(year: int, number: int) -> Span:
    return Span(periods.month_start(year, number), periods.month_start(year, number + 1))


def _day_before(at: int) -> Span:
    """The same day of last year; empty for 29 February."""
    return Span(*periods.same_span_last_year(at, at + periods.DAY_MS))


def _known(meters: Sequence[CountedMeter], span: Span) -> bool:
    return span.start < span.end and counted(meters, span)


def _energy(used: Used, scope: Scope, meters: Sequence[CountedMeter], intervals: Intervals, running: int | None) -> Curve:
    def value(span: Span) -> Decimal | None:
        return used.amount(scope, meters, span) if _known(meters, span) else None

    energy = meters[0].energy
    pairs = [Pair(value(this), value(last)) for this, last in intervals]
    return Curve(f"energy.{energy}", energy_of(energy).factor_unit, [this.start for this, _ in intervals], pairs, running)


def _indicator(used: Used, scope: Scope, definition: Definition, intervals: Intervals, running: int | None) -> Curve:
    meters = [meter for meter in scope.meters if counts(definition, meter)]

    def value(span: Span) -> Decimal | None:
        if not meters or not _known(meters, span):
            return None
        amount = used.amount(scope, meters, span) if definition.sums == "m3" else used.worth(scope, meters, span, definition.sums)
        below = scope.denominator(definition.per, span)
        return None if amount is None or not below else amount / below

    pairs = [Pair(value(this), value(last)) for this, last in intervals]
    return Curve(f"indicator.{definition.id}", definition.unit, [this.start for this, _ in intervals], pairs, running)
