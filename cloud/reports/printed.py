"""Figures as they are printed: the one place where a report rounds, half up, and each figure only once.

Figures come in full: Decimal from the ledger, or the floats of `/api/v1/targets`, which are taken as the shortest decimals
that name them, so paper and interface agree to the printed digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from cloud.indicators.spans import Span
from cloud.ledger.periods import local_date, local_time
from cloud.texts import Language, say

Figure = Decimal | float | int | None
NONE = "—"
"""What cannot be given; never 0."""
MINUS = "\N{MINUS SIGN}"


def exact(value: Decimal | float) -> Decimal:
    """A figure as the decimal that names it."""
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def number(value: Figure, digits: int, *, signed: bool = False) -> str:
    """A figure with groups of three and so many decimals; a real minus sign."""
    if value is None:
        return NONE
    rounded = exact(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    sign = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):,f}"


def percent(value: Figure, digits: int, *, signed: bool = False) -> str:
    """A part of 1 in percent."""
    return NONE if value is None else number(exact(value) * 100, digits, signed=signed) + " %"


def last_day(end: int) -> str:
    """The last day (ISO) of a span that ends before a moment (ms)."""
    return local_date(end - 1).isoformat()


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates and spans in a language."""

    language: Language

    def span(self, span: Span | None) -> str:
        """First and last day."""
        if span is None:
            return NONE
        return say("report.from_to", self.language, first=local_date(span.start).isoformat(), last=last_day(span.end))

    def minute(self, at: int | None) -> str:
        """Day and time in Shanghai."""
        return NONE if at is None else f"{local_time(at):%Y-%m-%d %H:%M}"
