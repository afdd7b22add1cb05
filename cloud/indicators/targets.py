"""The indicators of a year and their targets: what was used against the same span of last year, and what may still be used.

Which there are, and what each sums and is divided by, say the files of `cloud/indicators/defined`. A fall of 2.5 % is reached at a change
of -0.025 or less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloud.definitions import definitions
from cloud.indicators import amounts, model, spans
from cloud.indicators.amounts import WATER, Used
from cloud.indicators.factors import Factor
from cloud.indicators.spans import CountedMeter, Plan, Span
from cloud.ledger.counters import Provenance, shares
from cloud.texts import because
from contract.clock import iso
from contract.coded import Message
from contract.indicator import Definition

MOST_ESTIMATED = Decimal("0.05")
"""The share of a side that may be estimated before the reason says so."""
_UNKNOWN = {"headcount": Message("reason.no_headcount"), "area": Message("reason.no_area")}
"""Why there is no figure where a denominator that each institution has is not known."""


def counts(definition: Definition, meter: CountedMeter) -> bool:
    """Whether a main meter belongs to an indicator."""
    if definition.sums == "m3":
        return meter.energy == WATER
    return meter.energy != WATER and (definition.vehicle_fuel or not meter.vehicle_fuel)


@dataclass(frozen=True, slots=True)
class Side:
    """What one side of a comparison used over its span, and its day-weighted mean denominator (None = not known).

    Attributes:
        lacks: Why it cannot be said what was used; None if it can.
        provisional: Whether what follows may still decide one of its hours otherwise.
        findings: How many open questions of the ledger it rests on.
        unknown: Why the denominator is not known, where there is more to say than that.
    """

    used: Used
    denominator: Decimal | None
    lacks: Message | None = None
    provisional: bool = False
    findings: int = 0
    unknown: Message | None = None


Lookup = Callable[[Definition, Sequence[CountedMeter], Span], Side]
"""Sums the ledger of some meters over a span."""


@dataclass(frozen=True, slots=True)
class _Figure:
    """A value, or why there is none; `amounts` in what the indicator sums."""

    value: Decimal | None
    reason: Message | None
    amounts: Mapping[Provenance, Decimal]
    denominator: Decimal | None = None

    @property
    def used(self) -> Decimal:
        """The whole amount."""
        return sum(self.amounts.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Sides:
    """What was summed over the spans of a plan; None where the plan has no span."""

    actual: Side | None
    baseline: Side | None
    baseline_year: Side | None


def targets(
    year: int, scope: str, now: int, *, meters: Sequence[CountedMeter], lookup: Lookup, factors: Mapping[str, Factor]
) -> model.Targets:
    """All indicators of a year for a scope at a moment.

    Args:
        year: The target's year.
        scope: Named in the answer.
        now: ms since 1970 in UTC.
        meters: The scope's main meters and its fuel.
        lookup: Asked for each span that can be summed.
        factors: Of the target's year, by energy, for both sides.
    """

    def indicator(definition: Definition) -> model.Indicator:
        counted = [meter for meter in meters if counts(definition, meter)]
        return summed(definition, spans.plan(counted, year, now), lambda span: lookup(definition, counted, span), factors)

    return targets_by(indicator, year, scope, now)


def targets_by(indicator: Callable[[Definition], model.Indicator], year: int, scope: str, now: int) -> model.Targets:
    """The same from whatever computes an indicator."""
    return model.Targets(year=year, scope=scope, as_of=iso(spans.as_of(year, now)), indicators=[indicator(one) for one in definitions()])


def summed(definition: Definition, plan: Plan, side: Callable[[Span], Side], factors: Mapping[str, Factor]) -> model.Indicator:
    """One indicator, whose sides are asked for over the spans of a plan."""
    asked = (plan.actual, plan.baseline, plan.baseline_year)
    return evaluate(definition, plan, Sides(*(None if span is None else side(span) for span in asked)), factors)


def evaluate(definition: Definition, plan: Plan, sides: Sides, factors: Mapping[str, Factor]) -> model.Indicator:
    """One indicator from the sums of its spans.

    A figure that cannot be given is None, with the first reason: the actual's, then the baseline's, then the baseline
    year's; where all can be given, the reason may still say what ended the span of a year that is over, which silent meter
    ended it, or how much is estimated. Both sides use the factors given, so a new factor never looks like saved energy.
    """
    actual = _figure(definition, sides.actual, factors, plan.actual_reason)
    baseline = _figure(definition, sides.baseline, factors, plan.baseline_reason)
    whole = _figure(definition, sides.baseline_year, factors, plan.year_reason)
    change = _change(actual.value, baseline.value)
    unfounded = None if baseline.value else baseline.reason or Message("reason.nothing_used")
    why = [
        actual.reason,
        unfounded and Message("reason.baseline", why=unfounded),
        plan.cut_short and Message("reason.year_over", why=plan.cut_short),
    ]
    both = [side for side in (sides.actual, sides.baseline) if side is not None]
    asked = sum(side.findings for side in both)
    why += [whole.reason and Message("reason.baseline_year", why=whole.reason), plan.silence, _estimated(actual, baseline)]
    why += [Message("reason.findings", number=asked) if asked else None]
    why += [Message("reason.no_target") if definition.target_change is None else None]
    return model.Indicator(
        id=definition.id,
        unit=definition.unit,
        target_change=_number(definition.target_change),
        baseline=model.Baseline(value=_number(baseline.value), **_ends(plan.baseline), grain=plan.grain),
        baseline_year=model.BaselineYear(value=_number(whole.value)),
        actual=model.Actual(value=_number(actual.value), **_ends(plan.actual)),
        change=_number(change),
        forecast=model.Forecast(value=None, low=None, high=None, change=_number(change)),
        status=_status(actual.value, change, definition.target_change, plan),
        **because(next(filter(None, why), None)),
        allowance=model.Allowance(value=_number(_allowance(definition, actual, whole.value)), unit=definition.sums),
        provenance=shares(actual.amounts),
        provisional=any(side.provisional for side in both),
        findings=asked,
        energies=amounts.energies(definition, _used(sides.actual), _used(sides.baseline), factors),
    )


def _used(side: Side | None) -> Used:
    """What a side used; nothing where that is not known."""
    return {} if side is None or side.lacks else side.used


def _figure(definition: Definition, side: Side | None, factors: Mapping[str, Factor], reason: Message | None) -> _Figure:
    """A side's value, divided by its denominator."""
    if side is None:
        return _Figure(None, reason, {})
    if side.lacks:
        return _Figure(None, side.lacks, {})
    lacking = amounts.lacking(definition, side.used, factors)
    if lacking is not None:
        return _Figure(None, lacking, {})
    found = amounts.amounts(definition, side.used, factors)
    if not side.denominator:
        return _Figure(None, side.unknown or unknown(definition), found)
    return _Figure(sum(found.values(), Decimal(0)) / side.denominator, None, found, side.denominator)


def unknown(definition: Definition) -> Message:
    """Why there is no figure where what it is divided by is not known."""
    return _UNKNOWN.get(definition.per) or Message("reason.no_denominator", kind=Message(f"denominator.{definition.per}"))


def _change(actual: Decimal | None, baseline: Decimal | None) -> Decimal | None:
    """The quotient less 1; None if one is missing or there is nothing to compare with."""
    return None if actual is None or not baseline else actual / baseline - 1


def _estimated(actual: _Figure, baseline: _Figure) -> Message | None:
    """Says so where more of a side is estimated than a target may rest on in silence."""
    sides = [
        figure.amounts.get(Provenance.ESTIMATED, Decimal(0)) / figure.used if figure.used else Decimal(0) for figure in (actual, baseline)
    ]
    this, last = (float(round(share * 100, 1)) for share in sides)
    return Message("reason.estimated", this=this, last=last) if max(sides) > MOST_ESTIMATED else None


def _status(actual: Decimal | None, change: Decimal | None, target: Decimal | None, plan: Plan) -> model.Status | None:
    """How the target stands; None where there is none. Until there are forecasts, the change so far stands for the year's.

    A year that is over is met or missed; where its figures end before it did there is no figure of it, whatever they say.
    """
    if target is None:
        return None
    if actual is None:
        return "no_figure"
    if change is None:
        return "no_baseline"
    if plan.cut_short:
        return "no_figure"
    if plan.closed:
        return "met" if change <= target else "missed"
    return "ahead" if change <= target else "at_risk"


def _allowance(definition: Definition, actual: _Figure, whole_year: Decimal | None) -> Decimal | None:
    """What the limit for the whole year leaves, at the actual span's denominator; None without a target."""
    if whole_year is None or actual.denominator is None or definition.target_change is None:
        return None
    return (1 + definition.target_change) * whole_year * actual.denominator - actual.used


def _ends(span: Span | None) -> dict[str, str | None]:
    return {"start": None, "end": None} if span is None else {"start": iso(span.start), "end": iso(span.end)}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
