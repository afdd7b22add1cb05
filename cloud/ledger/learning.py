"""What a counter taught by its own complete months: the most of an hour, the smallest step shown, and the shape of the load.

A month teaches once, and what it taught holds from then on, so that a figure never changes because a later month was busier.
"""

from __future__ import annotations

import math
from itertools import pairwise

import sqlalchemy as sa

from cloud.ledger import periods
from cloud.ledger.base_units import all_to_base
from cloud.ledger.known_meters import Counter, Known
from cloud.ledger.model import Learnt
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.repository import hours, waiting
from cloud.ledger.shapes import weights_of
from cloud.telemetry.base import Aggregate, Telemetry
from contract.coded import Message

MARGIN = 3
"""A branch may draw so many times what it drew in the busiest hour of a month."""
_LOOKED_AT_MS = 3 * HOUR_MS
"""When this hour of the newest day is settled it is looked whether a month taught something; once a day is enough for that."""
_LEAST_MEASURED = 0.9
"""The part of a month's hours that must be measured."""
_LEAST_VALUES = 24
"""A counter that showed fewer different values says nothing about its steps."""


def taught(connection: sa.Connection, telemetry: Telemetry, meter: Known, first: int) -> Learnt | None:
    """What the last complete month taught: it holds from the hour after the newest settled one.

    None if that was learnt already, if it is not the time to look, or where the month says too little or is not counted as a whole yet.

    Args:
        connection: To the ledger.
        telemetry: Where the counter's values are.
        meter: Whose.
        first: The first hour that was settled just now, ms.

    Raises:
        StoreDown: The values cannot be read.
    """
    if meter.counter is None:
        return None
    newest = hours.newest(connection, meter.key)
    if newest is None or periods.floor(newest - _LOOKED_AT_MS, "day") + _LOOKED_AT_MS < first:
        return None
    end = periods.floor(newest, "month")
    start = periods.floor(end - HOUR_MS, "month")
    if any(row.valid_from > end for row in meter.counter.learnt) or waiting.is_touched(connection, meter.key, start, end):
        return None
    measured = hours.measured(connection, meter.key, start, end)
    most = max(measured.values(), default=0)
    if most <= 0 or len(measured) < _LEAST_MEASURED * (end - start) / HOUR_MS:
        return None
    step = _smallest_step(meter.counter, telemetry, meter.energy, start, end)
    return Learnt(newest + HOUR_MS, MARGIN * most, step, weights_of(measured))


def _smallest_step(counter: Counter, telemetry: Telemetry, energy: str, start: int, end: int) -> int:
    """The largest number that all differences of a month's hourly values are multiples of; 0 where too few values say it."""
    edges = range(start, end + HOUR_MS, HOUR_MS)
    names = (counter.group, counter.device_class, counter.device, counter.point)
    values = [value for _, value in telemetry.windows(*names, start, end, edges, Aggregate.LAST)]
    # Of one that does not fit is told where it is counted.
    shown = [amount for amount in all_to_base(values, energy, counter.unit) if not isinstance(amount, Message)]
    if len(set(shown)) < _LEAST_VALUES:
        return 0
    return math.gcd(*(b - a for a, b in pairwise(shown)))
