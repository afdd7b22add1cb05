"""What was really used: loads of an office site, quarter by quarter of an hour. Nothing of the product is known here.

Amounts are in the unit that the counter shows (kWh or m3), times ms since 1970 in UTC, the calendar Shanghai's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]

QUARTER, HOUR, DAY = 900_000, 3_600_000, 86_400_000
_ZONE = timezone(timedelta(hours=8))
_DAYS_OFF = (
    ((2025, 1, 1), 1), ((2025, 1, 28), 8), ((2025, 4, 4), 3), ((2025, 5, 1), 5), ((2025, 5, 31), 3), ((2025, 10, 1), 8),
    ((2026, 1, 1), 3), ((2026, 2, 15), 9), ((2026, 4, 4), 3), ((2026, 5, 1), 5), ((2026, 6, 19), 3), ((2026, 9, 25), 3),
    ((2026, 10, 1), 7), ((2027, 1, 1), 3),
)  # fmt: skip
"""First day and number of days of the public holidays, as published or as usual."""


def midnight(year: int, month: int, day: int) -> int:
    """The begin of a day in Shanghai, ms."""
    return int(datetime(year, month, day, tzinfo=_ZONE).timestamp() * 1000)


def month_edges(first_year: int, years: int) -> list[int]:
    """The begins of all months of some years, and the end of the last."""
    return [midnight(first_year + number // 12, number % 12 + 1, 1) for number in range(12 * years + 1)]


def text(at: int) -> str:
    """A moment for a person, in Shanghai's time."""
    return f"{datetime.fromtimestamp(at / 1000, _ZONE):%Y-%m-%d %H:%M:%S}"


def day(at: int) -> str:
    """The date in Shanghai at a moment."""
    return text(at)[:10]


@dataclass(frozen=True)
class Grid:
    """Quarters of an hour, and where each lies in day, week and year.

    Attributes:
        begins: When each begins.
        clock: Hour of the day, 0 to 24.
        workday: Whether people work on that day.
        month: 1 to 12, as a number that moves through the month.
        day: Number of the day since the first.
    """

    begins: Times
    clock: Floats
    workday: NDArray[np.bool_]
    month: Floats
    day: Times

    @property
    def edges(self) -> Times:
        """The begins, and the end of the last."""
        return np.append(self.begins, self.begins[-1] + QUARTER)


@cache
def grid(start: int, end: int) -> Grid:
    """The quarters of [start, end); `start` is a midnight in Shanghai."""
    begins = np.arange(start, end, QUARTER, dtype=np.int64)
    day = (begins - start) // DAY
    first = datetime.fromtimestamp(start / 1000, _ZONE).date()
    dates = [first + timedelta(days=number) for number in range(int(day[-1]) + 1)]
    off = {date(*begin) + timedelta(days=n) for begin, days in _DAYS_OFF for n in range(days)}
    works = np.array([d.weekday() < 5 and d not in off for d in dates])
    month = np.array([d.month + (d.day - 1) / 31 for d in dates])
    return Grid(begins, (begins - start) % DAY / HOUR, works[day], month[day], day)


def _hump(clock: Floats, rise: float, fall: float, soft: float = 0.7) -> Floats:
    """0 outside and 1 within two hours of the day, with soft edges."""
    return 1 / (1 + np.exp(-(clock - rise) / soft)) - 1 / (1 + np.exp(-(clock - fall) / soft))


def _season(month: Floats, *, winter: float, summer: float) -> Floats:
    """1 in spring and autumn, more in January and July."""
    cold = np.exp(-((np.minimum(abs(month - 1.4), 13.4 - month) / 1.6) ** 2))
    hot = np.exp(-(((month - 7.8) / 1.5) ** 2))
    return 1 + winter * cold + summer * hot


def _office(g: Grid) -> Floats:
    busy = np.where(g.workday, _hump(g.clock, 8, 18) - 0.25 * _hump(g.clock, 12, 13.5, 0.3), 0.12 * _hump(g.clock, 9, 17))
    return (0.22 + busy) * _season(g.month, winter=0.5, summer=0.9)


def _plant(g: Grid) -> Floats:
    season = _season(g.month, winter=0, summer=1) - 1
    return 0.04 + np.where(g.workday, _hump(g.clock, 7, 18.5), 0.05) * season * 4


def _data_room(g: Grid) -> Floats:
    return 1 + 0.08 * (_season(g.month, winter=0, summer=1) - 1) + 0.03 * _hump(g.clock, 9, 18)


def _stairs(g: Grid) -> Floats:
    return 0.7 + 0.6 * _hump(g.clock, 7, 20) * np.where(g.workday, 1, 0.6)


def _water(g: Grid) -> Floats:
    return 0.05 + np.where(g.workday, _hump(g.clock, 8, 18), 0.1 * _hump(g.clock, 9, 17)) * _season(g.month, winter=0, summer=0.25)


def _canteen(g: Grid) -> Floats:
    meals = _hump(g.clock, 6.5, 8, 0.15) + 1.6 * _hump(g.clock, 10.5, 13, 0.2) + _hump(g.clock, 16.5, 18.5, 0.2)
    recess = ((g.month > 1.6) & (g.month < 2.8)) | ((g.month > 7.5) & (g.month < 8.8))
    return np.where(g.workday & ~recess & (meals > 0.05), meals, 0.0)


def _garden(g: Grid) -> Floats:
    growing = (g.month > 3.5) & (g.month < 11)
    watered = growing & (g.day % 2 == 0) & (_hump(g.clock, 4, 6.5, 0.1) > 0.5)
    return np.where(watered, 0.6 + _season(g.month, winter=0, summer=1), 0.0)


@dataclass(frozen=True)
class Load:
    """One kind of use.

    Attributes:
        name: As printed.
        energy: What is counted.
        mean: Smallest and largest mean use an hour.
        shape: Relative use by quarter.
        noise: Spread of a quarter and of a whole day, as parts of 1.
    """

    name: str
    energy: str
    mean: tuple[float, float]
    shape: Callable[[Grid], Floats]
    noise: tuple[float, float] = (0.2, 0.07)


LOADS = {
    load.name: load
    for load in (
        Load("office", "electricity", (8, 200), _office),
        Load("plant", "electricity", (4, 80), _plant, (0.15, 0.15)),
        Load("data_room", "electricity", (5, 60), _data_room, (0.03, 0.01)),
        Load("stairs", "electricity", (0.27, 0.33), _stairs),
        Load("water", "water", (0.6, 8), _water, (0.35, 0.1)),
        Load("garden", "water", (0.3, 2), _garden, (0.1, 0.1)),
        Load("canteen", "natural_gas", (1, 12), _canteen, (0.25, 0.1)),
    )
}


@dataclass(frozen=True)
class Use:
    """What was really used since the first edge.

    Attributes:
        edges: Of the quarters.
        total: Used up to each edge.
    """

    edges: Floats
    total: Floats

    def until(self, at: Times | Floats) -> Floats:
        """Used up to some moments; within a quarter evenly."""
        return np.interp(at, self.edges, self.total)

    def at(self, moment: int) -> float:
        """Used up to one moment."""
        return float(np.interp(moment, self.edges, self.total))

    def between(self, start: int, end: int) -> float:
        """Used in [start, end)."""
        return self.at(end) - self.at(start)


def use(load: Load, g: Grid, chance: Generator, changes: list[tuple[int, int, float]]) -> Use:
    """A load's use.

    Args:
        load: Its kind.
        g: Where.
        chance: Of this meter.
        changes: Real ones: from, to, and by which factor the use is then another.
    """
    low, high = load.mean
    size = float(np.exp(chance.uniform(np.log(low), np.log(high))))
    shape = load.shape(g)
    of_quarter, of_day = load.noise
    days, drift = int(g.day[-1]) + 1, np.zeros(int(g.day[-1]) + 1)
    for number in range(1, days):
        drift[number] = 0.6 * drift[number - 1] + chance.normal(0, of_day)
    noise = chance.gamma(1 / of_quarter**2, of_quarter**2, len(shape)) * np.exp(drift)[g.day]
    amounts = size * shape / shape.mean() * noise / 4
    for start, end, factor in changes:
        amounts = np.where((g.begins >= start) & (g.begins < end), amounts * factor, amounts)
    return Use(g.edges.astype(np.float64), np.append(0.0, np.cumsum(amounts)))
