"""What meters used over spans, by the rules of the indicators: the sums that the report is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from cloud.indicators import spans
from cloud.indicators.amounts import WATER
from cloud.indicators.factors import Factor, factor_of
from cloud.indicators.scopes import Scope
from cloud.indicators.spans import CountedMeter, Span
from cloud.indicators.sums import Amounts, Sums
from cloud.ledger import periods
from cloud.ledger.base_units import ENERGIES, to_factor_unit
from cloud.reports.period import Period
from cloud.reports.targets.facts import Compared, Pair
from contract.coded import Message


@dataclass(frozen=True, slots=True)
class Used:
    """Sums of the ledger for a period.

    Attributes:
        period: The report's.
        sums: Of all meters of the report, up to what it may know: now, or the period's end.
        factors: Of the report's year, for both sides.
    """

    period: Period
    sums: Sums
    factors: dict[str, Factor]

    def of(self, scope: Scope, meter: CountedMeter, span: Span | None) -> Amounts | None:
        """What a scope has of a meter over a span; None without a span, or if an area is not known that it is shared by."""
        return None if span is None else scope.share(meter.id, self.sums.over(span).get(meter.id, {}), span)

    def amount(self, scope: Scope, meters: Sequence[CountedMeter], span: Span | None) -> Decimal | None:
        """The sum over meters of one energy, in its factor unit; None without a span, or where one cannot be known."""
        if span is None:
            return None
        over = self.sums.over(span)
        found = [scope.share(meter.id, over.get(meter.id, {}), span) for meter in meters]
        known = [sum(part.values()) for part in found if part is not None]
        return to_factor_unit(sum(known), meters[0].energy) if known and len(known) == len(found) else None

    def coal(self, scope: Scope, meters: Sequence[CountedMeter], span: Span | None) -> Decimal | None:
        """The sum over meters in kgce, not rounded; None if one cannot be known or its energy has no factor."""
        return self.worth(scope, meters, span, "kgce")

    def worth(self, scope: Scope, meters: Sequence[CountedMeter], span: Span | None, into: Literal["kgce", "kgCO2"]) -> Decimal | None:
        """The same in kgce or in kgCO2."""
        total = Decimal(0)
        for meter in meters:
            part, per_unit = self.amount(scope, [meter], span), factor_of(meter.energy, self.factors, into)
            if part is None or per_unit is None:
                return None
            total += part * per_unit
        return total if meters else None

    def amounts(self, scope: Scope, meters: Sequence[CountedMeter], compared: Compared) -> Pair:
        """`amount` on both sides."""
        return Pair(self.amount(scope, meters, compared.this), self.amount(scope, meters, compared.last))

    def coals(self, scope: Scope, meters: Sequence[CountedMeter], compared: Compared) -> Pair:
        """`coal` on both sides."""
        return Pair(self.coal(scope, meters, compared.this), self.coal(scope, meters, compared.last))

    def compared(self, meters: Sequence[CountedMeter]) -> Compared:
        """The period as far as all of the meters are known, and the same span of last year, by the rules of the indicators."""
        plan = spans.plan(meters, self.period.year, self.sums.now)
        if plan.actual is None:
            return Compared(None, None, plan.actual_reason)
        if plan.actual.end <= self.period.start:
            return Compared(None, None, plan.silence or _not_yet(plan.actual.end))
        this = Span(self.period.start, plan.actual.end)
        last = None if plan.baseline is None else Span(*periods.same_span_last_year(this.start, this.end))
        why = plan.silence if plan.baseline_reason is None else Message("reason.baseline", why=plan.baseline_reason)
        return Compared(this, last, why)


def by_energy(meters: Sequence[CountedMeter]) -> dict[str, list[CountedMeter]]:
    """Meters by energy, in the order that the ledger lists energies; water, which is no energy, last."""
    order = sorted({meter.energy for meter in meters}, key=lambda energy: (energy == WATER, list(ENERGIES).index(energy)))
    return {energy: [meter for meter in meters if meter.energy == energy] for energy in order}


def _not_yet(end: int) -> Message:
    return Message("reason.known_up_to", day=periods.local_date(end - 1).isoformat())


def counted(meters: Sequence[CountedMeter], span: Span) -> bool:
    """Whether all meters are known for the whole of a day or month, by a device or as an entered month."""
    day = periods.local_date(span.start)
    return all(m.counts(span.start, span.end) or (day.year, day.month) in m.months for m in meters)
