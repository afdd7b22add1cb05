"""Hours, days, months, quarters and years as the statistics cut them: in Asia/Shanghai, as ms since 1970 in UTC.

China has kept UTC+8 all year since 1992, and nothing older is ever counted here, so the zone is a fixed offset: no zone
database is needed, and an hour of local time is an hour of UTC.
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from contract.clock import SHANGHAI

Every = Literal["hour", "day", "month", "quarter", "year"]
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_OFFSET_MS = 8 * HOUR_MS
_MONTHS: dict[Every, int] = {"month": 1, "quarter": 3, "year": 12}
_DECEMBER = 12
_FEBRUARY = 2
_LEAP_DAY = 29
_EPOCH = date(1970, 1, 1).toordinal()


def local_date(at: int) -> date:
    """The date in Shanghai at a moment (ms)."""
    return date.fromordinal(_EPOCH + (at + _OFFSET_MS) // DAY_MS)


def local_time(at: int) -> datetime:
    """The moment (ms) as a time of day in Shanghai."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(SHANGHAI)


def midnight(day: date) -> int:
    """The moment (ms) at which a day begins in Shanghai."""
    return (day.toordinal() - _EPOCH) * DAY_MS - _OFFSET_MS


def as_of(day: date | None, now: int) -> int:
    """The end of a day, ms, but never later than now; now without a day."""
    return now if day is None else min(midnight(day + timedelta(days=1)), now)


def year_of(day: date | None, now: int) -> int:
    """The year of a day, of today where it is still to come; this year without a day."""
    today = local_date(now)
    return (today if day is None else min(day, today)).year


def month_start(year: int, month: int) -> int:
    """The moment (ms) at which a month begins; month 13 is January of the next year.

    Raises:
        ValueError: Not a month of the calendar.
    """
    return midnight(date(year + 1, 1, 1) if month == _DECEMBER + 1 else date(year, month, 1))


def year_bounds(year: int) -> tuple[int, int]:
    """Begin and end (exclusive) of a year, ms."""
    return month_start(year, 1), month_start(year + 1, 1)


def month_bounds(month: str) -> tuple[int, int]:
    """Begin and end (exclusive) of a month given as YYYY-MM, ms.

    Raises:
        ValueError: Not a month of the calendar.
    """
    begin = month_start(*map(int, month.split("-")))
    return begin, following(begin, "month")


def floor(at: int, every: Every) -> int:
    """The begin (ms) of the period that a moment lies in."""
    if every == "hour":
        return at - at % HOUR_MS
    if every == "day":
        return at - (at + _OFFSET_MS) % DAY_MS
    day, step = local_date(at), _MONTHS[every]
    return month_start(day.year, (day.month - 1) // step * step + 1)


def following(at: int, every: Every) -> int:
    """The begin (ms) of the next period after the one that a moment lies in."""
    begin = floor(at, every)
    if every == "hour":
        return begin + HOUR_MS
    if every == "day":
        return begin + DAY_MS
    day = local_date(begin)
    return month_start(day.year, day.month + _MONTHS[every])


def edges(start: int, end: int, every: Every) -> list[int]:
    """The edges (ms) of all periods that the span [start, end) touches.

    The first is at or before `start`, the last at or after `end`; an empty span has none.
    """
    if end <= start:
        return []
    found = [floor(start, every)]
    while found[-1] < end:
        found.append(following(found[-1], every))
    return found


def period_of(grid: list[int], at: int) -> int | None:
    """The begin of the period of a grid of `edges` that a moment lies in; None outside the grid."""
    index = bisect_right(grid, at)
    return grid[index - 1] if 0 < index < len(grid) else None


def last_complete_day_end(now: int) -> int:
    """The end (ms, exclusive) of the last day that is over: the midnight in Shanghai at or before `now`."""
    return floor(now, "day")


def a_year_earlier(at: int) -> int:
    """The same local date and time a year before (ms).

    29 February has no partner: every moment of it becomes 1 March 00:00, so the order of moments is kept. As an end that
    means: both "to the end of 28 February" and "to the end of 29 February" of a leap year are compared with the whole of
    last year's February, and "to the end of February" after a leap year takes last year's 29 February along. Months are
    compared with months, as the statistics do; nothing is scaled to equal numbers of days.
    """
    day = local_date(at)
    if (day.month, day.day) == (_FEBRUARY, _LEAP_DAY):
        return midnight(date(day.year - 1, 3, 1))
    return midnight(day.replace(year=day.year - 1)) + (at - midnight(day))


def same_span_last_year(start: int, end: int) -> tuple[int, int]:
    """The span [start, end) a year before, see `a_year_earlier` for 29 February."""
    return a_year_earlier(start), a_year_earlier(end)


def days_of_month(year: int, month: int) -> list[int]:
    """The begins (ms) of all days of a month.

    Raises:
        ValueError: Not a month of the calendar.
    """
    begin = midnight(date(year, month, 1))
    return [begin + index * DAY_MS for index in range(calendar.monthrange(year, month)[1])]
