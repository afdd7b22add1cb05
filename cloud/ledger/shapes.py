"""The load shape of a meter: how the use of a complete month lay in the hours of its working days and of its days off.

A gap is spread by it: spread evenly, the use of an office would move into nights and holidays, and so into another month.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from statistics import fmean
from typing import NamedTuple

from cloud.ledger import periods
from cloud.ledger.periods import DAY_MS, HOUR_MS
from contract import workdays

_HOURS_OF_DAY = DAY_MS // HOUR_MS
_PER_UNIT = 1000
"""Weights are thousandths of a base unit, so that the small hours of a small meter keep their share when they are rounded."""

Kind = tuple[bool, int]
"""Of an hour: whether its day is a working day of the official calendar, and which hour of the day it is in Shanghai."""


@lru_cache(maxsize=20_000)
def kind_of(hour: int) -> Kind:
    """The kind of the hour that begins at `hour` (ms); two years of hours are kept, since all meters ask for the same ones."""
    return workdays.official(periods.local_date(hour)), (hour - periods.floor(hour, "day")) // HOUR_MS


class LoadShape(NamedTuple):
    """What a month taught about how use is spread: a dated row that never changes.

    Attributes:
        valid_from: Gaps that begin at or after this moment may use it, ms.
        weights: 48 whole numbers as JSON, the hours of a working day first; read when a gap asks for them, since settling a
            meter loads the rows of all its months and gaps are rare.
    """

    valid_from: int
    weights: str

    def weight(self, hour: int) -> int:
        """The weight of the hour that begins at `hour` (ms)."""
        is_worked, of_day = kind_of(hour)
        return _numbers(self.weights)[of_day if is_worked else _HOURS_OF_DAY + of_day]


@lru_cache(maxsize=256)
def _numbers(weights: str) -> tuple[int, ...]:
    return tuple(json.loads(weights))


def weights_of(measured: Mapping[int, int]) -> str | None:
    """The weights that measured hours teach; None where an hour of the day was measured on no day at all.

    An hour that was only measured on days of one kind counts for both. An hour may be a step below 0 at a recorded exchange,
    which no weight may be.

    Args:
        measured: Base units by begin of the hour, ms.
    """
    by_kind: defaultdict[Kind, list[int]] = defaultdict(list)
    for hour, amount in measured.items():
        by_kind[kind_of(hour)].append(amount)
    known = [by_kind[worked, n] or by_kind[not worked, n] for worked in (True, False) for n in range(_HOURS_OF_DAY)]
    if not all(known):
        return None
    return json.dumps([max(round(_PER_UNIT * fmean(amounts)), 0) for amounts in known])
