"""What a load uses each hour of a year, and its counter: hourly sums with a closed form inside the hour.

Inside an hour the rate is `mean * (1 + sum of a_k sin(2 pi k x + phase_k))`, x from 0 to 1: whole waves, so the hour's integral is exactly
the hourly sum, and the a_k together stay below 1, so a counter never falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulators.world import calendar, weather
from simulators.world.calendar import HOUR_MS, ZONE_MS
from simulators.world.chance import Floats, draw, draws, key
from simulators.world.occupancy import occupancy, running

FIRST_YEAR = 2023
"""Counters stood at their starting value when this year began."""
REFERENCE_YEAR = 2025
_WAVES = ((1, 0.10), (3, 0.09), (7, 0.08), (31, 0.07))
TURN = 2 * math.pi
_SAVING = {"electricity": 0.030, "water": 0.037, "natural_gas": 0.024}
"""Share that is used less from one year to the next: near the targets, on the good side."""


def _lighting(_seed: int, hours: Floats) -> Floats:
    here, light = occupancy(hours + 0.5), weather.daylight(hours + 0.5)
    return 0.16 + here * (1.0 - 0.3 * light) + 0.03 * (1 - light)


def _hvac(seed: int, hours: Floats) -> Floats:
    outdoor = weather.temperature(seed, hours + 0.5)
    need = np.clip((outdoor - 22.5) / 9.0, 0.0, 1.4) + np.clip((11.0 - outdoor) / 13.0, 0.0, 1.2)
    return np.asarray(0.03 + need * running(hours) * (0.55 + 0.45 * occupancy(hours + 0.5)), dtype=np.float64)


def _special(seed: int, hours: Floats) -> Floats:
    warm = np.clip(weather.temperature(seed, hours + 0.5) - 15.0, 0.0, 20.0)
    return np.asarray(1.0 + 0.12 * occupancy(hours + 0.5) + 0.012 * warm, dtype=np.float64)


_MEALS = np.zeros(24)
_MEALS[[6, 7, 10, 11, 16, 17]] = [0.5, 0.5, 1.0, 1.0, 0.6, 0.4]


def _gas(_seed: int, hours: Floats) -> Floats:
    return np.asarray(0.002 + _MEALS[(hours % 24.0).astype(np.int64)] * running(hours, 0.0, 24.0), dtype=np.float64)


def _people(base: float) -> Callable[[int, Floats], Floats]:
    return lambda _seed, hours: base + occupancy(hours + 0.5)


_SHAPES: dict[str, Callable[[int, Floats], Floats]] = {
    "lighting": _lighting,
    "hvac": _hvac,
    "power": _people(0.14),
    "special": _special,
    "water": _people(0.05),
    "gas": _gas,
    "mixed": _people(0.30),
}


def shape(seed: int, kind: str, year: int) -> Floats:
    """Relative demand in each local hour of a year, before noise; its level has no meaning."""
    return _SHAPES[kind](seed, calendar.year_hours(year))


@lru_cache(maxsize=256)
def _reference(seed: int, kind: str) -> float:
    return float(shape(seed, kind, REFERENCE_YEAR).sum())


@dataclass(frozen=True, slots=True)
class _Hour:
    """One hour of a load: the counter at its start, what is used in it, and its waves (number, height, phase)."""

    number: int
    start: float
    used: float
    waves: tuple[tuple[int, float, float], ...]


@dataclass
class Load:
    """One consumer with a counter.

    Attributes:
        name: Gives it its own chance.
        kind: Which shape it has.
        energy: What it uses; tells how fast it saves.
        yearly: What it uses in the reference year, in the counter's unit (kWh or m3).
    """

    seed: int
    name: str
    kind: str
    energy: str
    yearly: float
    _totals: dict[int, Floats] = field(default_factory=dict)
    _hour: _Hour | None = None
    """The hour asked for last: history and live reading stay in one for long."""

    def hourly(self, year: int) -> Floats:
        """What is used in each local hour of a year."""
        level = shape(self.seed, self.kind, year) * (self.yearly / _reference(self.seed, self.kind))
        level *= (1 - _SAVING.get(self.energy, 0.02)) ** (year - REFERENCE_YEAR)
        hours = calendar.year_hours(year).astype(np.int64)
        of = key(self.seed, "load", self.name)
        daily = 1 + 0.08 * (2 * draws(of, hours // 24) - 1)
        return np.asarray(level * daily * (1 + 0.12 * (2 * draws(of + 1, hours) - 1)), dtype=np.float64)

    def _total(self, year: int) -> Floats:
        """The counter at the start of each hour of a year and at its end."""
        if year not in self._totals:
            start = self._total(year - 1)[-1] if year > FIRST_YEAR else self.yearly * 3.0 * draw(self.seed, "start", self.name)
            self._totals[year] = start + np.concatenate(([0.0], np.cumsum(self.hourly(year))))
        return self._totals[year]

    def counter(self, at_ms: int) -> float:
        """The counter at a time."""
        hour, inside = self._place(at_ms)
        share = inside + sum(a / (TURN * k) * (math.cos(p) - math.cos(TURN * k * inside + p)) for k, a, p in hour.waves)
        return hour.start + hour.used * share

    def full_hours(self, numbers: NDArray[np.int64]) -> Floats:
        """The counter at the start of local hours (since 1970), exactly as `counter` gives it, for long stretches at once."""
        found = np.empty(len(numbers))
        years = np.asarray([calendar.local_year(int(n) * HOUR_MS - ZONE_MS) for n in (numbers[0], numbers[-1])])
        for year in range(int(years[0]), int(years[1]) + 1):
            first = calendar.day_number(year) * 24
            inside = (numbers >= first) & (numbers < calendar.day_number(year + 1) * 24)
            if year < FIRST_YEAR:
                found[inside] = self._total(FIRST_YEAR)[0]
            else:
                found[inside] = self._total(year)[numbers[inside] - first]
        return found

    def rate(self, at_ms: int) -> float:
        """What is used per hour just now: kW for kWh, m3/h for m3."""
        hour, inside = self._place(at_ms)
        return hour.used * (1 + sum(a * math.sin(TURN * k * inside + p) for k, a, p in hour.waves))

    def _place(self, at_ms: int) -> tuple[_Hour, float]:
        """The hour of a time, and how much of it is over (0 to 1)."""
        local = at_ms + ZONE_MS
        number = local // HOUR_MS
        if self._hour is None or self._hour.number != number:
            self._hour = self._look(at_ms, number)
        return self._hour, local % HOUR_MS / HOUR_MS

    def _look(self, at_ms: int, number: int) -> _Hour:
        year = calendar.local_year(at_ms)
        if year < FIRST_YEAR:
            return _Hour(number, float(self._total(FIRST_YEAR)[0]), 0.0, ())
        totals, index = self._total(year), number - calendar.day_number(year) * 24
        noise = draws(key(self.seed, "wave", self.name), np.arange(len(_WAVES), dtype=np.int64) + len(_WAVES) * number)
        waves = tuple((k, a, TURN * float(n)) for (k, a), n in zip(_WAVES, noise, strict=True))
        return _Hour(number, float(totals[index]), float(totals[index + 1] - totals[index]), waves)


@dataclass
class Node:
    """A meter in its tree: what stands behind it is its children and a rest of its own.

    Attributes:
        name: Id of the meter.
        rest: What no sub-meter sees.
        children: Sub-meters.
    """

    name: str
    rest: Load
    children: list[Node] = field(default_factory=list)

    def counter(self, at_ms: int) -> float:
        """Sum of the children's use and the rest; in kWh or m3."""
        return self.rest.counter(at_ms) + sum(child.counter(at_ms) for child in self.children)

    def full_hours(self, numbers: NDArray[np.int64]) -> Floats:
        """The counter at the start of local hours (since 1970), exactly as `counter` gives it."""
        children = np.zeros(len(numbers))
        for child in self.children:
            children = children + child.full_hours(numbers)
        return self.rest.full_hours(numbers) + children

    def rate(self, at_ms: int) -> float:
        """Use per hour just now: kW or m3/h."""
        return self.rest.rate(at_ms) + sum(child.rate(at_ms) for child in self.children)
