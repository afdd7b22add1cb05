"""The targets as a table for a terminal, with the words of the pages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import timedelta

from cloud.definitions import digits
from cloud.indicators.model import Indicator, Targets
from cloud.ledger.periods import local_date
from cloud.texts import Language, catalogue, in_words
from contract.clock import parse_time

_COLUMNS = ("indicator", "actual", "baseline", "change", "target", "forecast", "allowance", "state")
_GAP = "  "


def table(targets: Targets, language: Language) -> Iterator[str]:
    """Heading, one line an indicator, and the reasons of what cannot be given."""
    words = catalogue()
    last = local_date(parse_time(targets.as_of)) - timedelta(days=1)
    yield f"{words['targets'][language]} {targets.year} · {targets.scope} · {words['as_of'][language]} {last.isoformat()}"
    rows = [[words[column][language] for column in _COLUMNS], *(_row(i, language) for i in targets.indicators)]
    widths = [max(_width(row[n]) for row in rows) for n in range(len(_COLUMNS))]
    for row in rows:
        yield _GAP.join(_padded(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
    for indicator in targets.indicators:
        if indicator.message:
            yield f"{words[f'indicator.{indicator.id}'][language]}: {in_words(indicator.message, language)}"


def _row(indicator: Indicator, language: Language) -> Sequence[str]:
    words = catalogue()
    none = words["none"][language]

    def number(value: float | None, unit: str = "", places: int = 2) -> str:
        return none if value is None else f"{value:,.{places}f}{unit}"

    def percent(value: float | None) -> str:
        return none if value is None else f"{value:+.1%}"

    places = digits(indicator.id).page
    unit = " " + words[f"unit.{indicator.unit}"][language]
    return (
        words[f"indicator.{indicator.id}"][language],
        number(indicator.actual.value, unit, places),
        number(indicator.baseline.value, places=places),
        percent(indicator.change),
        percent(indicator.target_change),
        percent(
            None if indicator.forecast.value is None else indicator.forecast.change
        ),  # until there are forecasts it is the change so far
        number(indicator.allowance.value, f" {indicator.allowance.unit}"),
        words[f"status.{indicator.status}" if indicator.status else "no_target"][language],
    )


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
