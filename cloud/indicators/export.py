"""The indicators written back to the time-series store, so that every panel shows what the report says.

Measurement `indicator`, tags `scope` and `indicator`, and `group` where the district was not the first one here; one row a day, one field
a figure, always a float. A figure that cannot be given has no field; `status` and `target_change` are always there where there
is a target. docs/grafana.md lists the fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from cloud.indicators.model import Indicator, Status, Targets
from cloud.telemetry.base import Figures

MEASUREMENT = "indicator"
STATUS_NUMBERS: Mapping[Status | Literal["met_noted"], int] = {
    "no_figure": 0,
    "no_baseline": 1,
    "ahead": 2,
    "at_risk": 3,
    "missed": 4,
    "met": 5,
    "met_noted": 6,
}
"""A state is a number in the time-series store; dashboards map it back to words.

`met_noted` is met with a reason beside it, such as much that is estimated: no panel says `met` without saying so.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """What might have been used by now, and how far from it the actual is.

    Attributes:
        expected: The baseline of the same span with the target's change, in the indicator's unit; None without a baseline or a target.
        gap: actual / expected - 1, negative when less was used; None where one of them is missing or nothing was expected.
    """

    expected: float | None
    gap: float | None


def pace(indicator: Indicator) -> Pace:
    """How an indicator stands on the way to its target."""
    expected = _limit(indicator, indicator.baseline.value)
    actual = indicator.actual.value
    return Pace(expected, None if actual is None or not expected else actual / expected - 1)


def rows(answer: Targets, day: int, published_as: str) -> Iterator[Figures]:
    """The rows of a scope's targets.

    Args:
        answer: What the interface answers.
        day: Start of the last complete day, ms since 1970 in UTC.
        published_as: What the tag `group` says; empty for none.
    """
    for indicator in answer.indicators:
        fields = {name: float(value) for name, value in _values(indicator) if value is not None}
        yield Figures({"scope": answer.scope, "indicator": indicator.id, "group": published_as}, fields, day)


def _values(indicator: Indicator) -> Iterator[tuple[str, float | None]]:
    way = pace(indicator)
    if indicator.status is not None:
        yield "status", STATUS_NUMBERS["met_noted" if indicator.status == "met" and indicator.reason else indicator.status]
    yield "target_change", indicator.target_change
    yield "actual", indicator.actual.value
    yield "baseline", indicator.baseline.value
    yield "baseline_year", indicator.baseline_year.value
    yield "target", _limit(indicator, indicator.baseline_year.value)
    yield "expected", way.expected
    yield "gap", way.gap
    yield "change", indicator.change
    yield "forecast", indicator.forecast.value
    yield "forecast_low", indicator.forecast.low
    yield "forecast_high", indicator.forecast.high
    yield "forecast_change", indicator.forecast.change
    yield "allowance", indicator.allowance.value
    if indicator.actual.value is not None:
        yield from indicator.provenance.items()


def _limit(indicator: Indicator, baseline: float | None) -> float | None:
    """The most that still meets the target, against a baseline; None without a target."""
    return None if baseline is None or indicator.target_change is None else baseline * (1 + indicator.target_change)
