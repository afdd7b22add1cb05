"""Outdoor air in Guangyuan: warm wet summers, mild winters, a few days of one weather at a time."""

from __future__ import annotations

import numpy as np

from simulators.world.chance import Floats, key, smooth

_MEAN = 16.4
"""Annual mean, degC."""
_SEASON = 10.6
"""Half of July minus January, K."""
_WARMEST_DAY = 202.0
_DAILY = 3.9
"""Half of the day's range, K."""
_WARMEST_HOUR = 15.0
_ANOMALY = 3.2
_YEAR_DAYS = 365.2425


def temperature(seed: int, local_hours: Floats) -> Floats:
    """Outdoor temperature in degC at local hours since 1970."""
    days = local_hours / 24.0
    season = np.cos(2 * np.pi * (days - _WARMEST_DAY) / _YEAR_DAYS)
    daily = np.cos(2 * np.pi * (local_hours - _WARMEST_HOUR) / 24.0)
    spell = smooth(key(seed, "weather"), days / 2.5)
    clear = 1 + 0.5 * smooth(key(seed, "clouds"), days)
    return np.asarray(_MEAN + _SEASON * season + _DAILY * clear * daily + _ANOMALY * spell, dtype=np.float64)


def daylight(local_hours: Floats) -> Floats:
    """How much day it is, 0 (dark) to 1, with the length of the day at 32 degrees north."""
    days = local_hours / 24.0
    half_day = 6.0 + 1.15 * np.cos(2 * np.pi * (days - 172.0) / _YEAR_DAYS)
    from_noon = np.abs(local_hours % 24.0 - 13.1)
    return np.asarray(np.clip((half_day - from_noon) / 1.0 + 0.5, 0.0, 1.0), dtype=np.float64)
