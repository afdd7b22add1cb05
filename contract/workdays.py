"""Working days of the official calendar with its make-up days (调休), behind one interface, and what a site says otherwise.

The calendar is announced each autumn for the year after; the library raises for a year it does not hold yet.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

_FIXED_HOLIDAYS = {(1, 1), *((5, d) for d in range(1, 6)), *((10, d) for d in range(1, 8))}
_FRIDAY = 4
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday`."""


@lru_cache(maxsize=65536)
def official(day: date) -> bool:
    """Whether offices work; a year whose calendar is not held yet has the holidays with fixed dates only."""
    import chinese_calendar  # type: ignore[import-untyped] # noqa: PLC0415 (a gateway reads sites too, and asks for no working day)

    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() <= _FRIDAY and (day.month, day.day) not in _FIXED_HOLIDAYS


@dataclass(frozen=True, slots=True)
class Workdays:
    """The official calendar with a table of exceptions.

    Attributes:
        worked: Days on which this site works whatever the calendar says.
        free: Days on which it does not.
    """

    worked: Collection[date] = frozenset()
    free: Collection[date] = frozenset()

    def __contains__(self, day: date) -> bool:
        """Whether the site works on a day."""
        return day in self.worked or (day not in self.free and official(day))
