"""How many of the people who work in a house are in it."""

from __future__ import annotations

import numpy as np

from simulators.world.calendar import workdays
from simulators.world.chance import Floats

_HOURS = np.array([0, 7.5, 8.5, 9.0, 11.9, 12.3, 13.8, 14.3, 17.6, 18.2, 20.5, 22.0, 24.0])
_WORKDAY = np.array([0.01, 0.04, 0.70, 0.92, 0.90, 0.45, 0.42, 0.88, 0.85, 0.20, 0.06, 0.02, 0.01])
_FREE_DAY = np.array([0.01, 0.01, 0.04, 0.06, 0.06, 0.04, 0.04, 0.06, 0.05, 0.03, 0.02, 0.01, 0.01])


def occupancy(local_hours: Floats) -> Floats:
    """Share of people present, 0 to 1, at local hours since 1970."""
    days = np.floor(local_hours / 24.0).astype(np.int64)
    first = int(days.min())
    works = workdays(first, int(days.max()))[days - first]
    of_day = local_hours % 24.0
    here = np.where(works, np.interp(of_day, _HOURS, _WORKDAY), np.interp(of_day, _HOURS, _FREE_DAY))
    return np.asarray(here, dtype=np.float64)


def running(local_hours: Floats, start: float = 7.5, end: float = 18.0) -> Floats:
    """1 while the plant runs for the offices, 0.12 for duty rooms otherwise."""
    days = np.floor(local_hours / 24.0).astype(np.int64)
    first = int(days.min())
    works = workdays(first, int(days.max()))[days - first]
    of_day = local_hours % 24.0
    return np.where(works & (of_day >= start) & (of_day < end), 1.0, 0.12)
