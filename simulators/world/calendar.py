"""Local time and working days, with the make-up days of the official calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from contract import workdays as official_calendar
from simulators.world.chance import Floats

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ZONE_MS = 8 * HOUR_MS
"""Asia/Shanghai: UTC + 8 h without summer time since 1991."""
_UNIX = date(1970, 1, 1)


def local_day(at_ms: int) -> int:
    """Local days since 1970-01-01."""
    return (at_ms + ZONE_MS) // DAY_MS


def day_start_ms(day: int) -> int:
    """Local midnight at which a day begins, as ms since 1970 in UTC."""
    return day * DAY_MS - ZONE_MS


def local_hour(at_ms: int) -> float:
    """Hours since local midnight, 0 to 24."""
    return (at_ms + ZONE_MS) % DAY_MS / HOUR_MS


def day_number(year: int, month: int = 1, day: int = 1) -> int:
    """Local day of a date."""
    return (date(year, month, day) - _UNIX).days


def local_date(day: int) -> date:
    """The date of a local day."""
    return _UNIX + timedelta(days=day)


def local_year(at_ms: int) -> int:
    """The local calendar year."""
    return datetime.fromtimestamp((at_ms + ZONE_MS) / 1000, UTC).year


@lru_cache(maxsize=65536)
def is_workday(day: int) -> bool:
    """Whether offices work; a year whose calendar is not published yet has the holidays with fixed dates only."""
    return official_calendar.official(local_date(day))


@lru_cache(maxsize=64)
def workdays(first: int, last: int) -> NDArray[np.bool_]:
    """Whether each day from `first` to `last`, both included, is a working day."""
    return np.array([is_workday(day) for day in range(first, last + 1)], dtype=np.bool_)


def year_hours(year: int) -> Floats:
    """The start of every local hour of a year, as local hours since 1970."""
    return np.arange(day_number(year) * 24, day_number(year + 1) * 24, dtype=np.float64)
