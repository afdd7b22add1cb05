"""The year, quarter or month that a report is about."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.ledger import periods
from cloud.ledger.periods import Every
from cloud.texts import Language, say

FIRST_YEAR, LAST_YEAR = 2000, 2099
QUARTERS, MONTHS, MONTHS_OF_QUARTER = 4, 12, 3


@dataclass(frozen=True, slots=True)
class Period:
    """A year, or one quarter or one month of it.

    Attributes:
        year: From 2000 to 2099.
        quarter: 1 to 4; None if a month or the whole year is meant.
        month: 1 to 12; None if a quarter or the whole year is meant.
    """

    year: int
    quarter: int | None = None
    month: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no calendar has.

        Raises:
            ValueError: With what was expected.
        """
        _check("year", self.year, FIRST_YEAR, LAST_YEAR)
        _check("quarter", self.quarter, 1, QUARTERS)
        _check("month", self.month, 1, MONTHS)
        if self.quarter is not None and self.month is not None:
            raise ValueError("month: expected a quarter or a month, not both")

    @property
    def first_month(self) -> int:
        """Its first month."""
        if self.quarter is not None:
            return MONTHS_OF_QUARTER * (self.quarter - 1) + 1
        return self.month or 1

    @property
    def start(self) -> int:
        """Its begin, ms."""
        return periods.month_start(self.year, self.first_month)

    @property
    def end(self) -> int:
        """Its end (exclusive), ms."""
        every: Every = "quarter" if self.quarter else "month" if self.month else "year"
        return periods.following(self.start, every)

    def text(self, language: Language) -> str:
        """As a person says it."""
        key = "quarter" if self.quarter else "month" if self.month else "year"
        name = say(f"month.{self.first_month}", language)
        return say(f"report.period.{key}", language, year=self.year, quarter=self.quarter, name=name)

    def code(self) -> str:
        """As a file name says it: 2026, 2026-Q3, 2026-07."""
        if self.quarter:
            return f"{self.year}-Q{self.quarter}"
        return f"{self.year}-{self.month:02}" if self.month else str(self.year)


def _check(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {value}")
