"""A meter whose files named another device or point: one series of the store after another, each read for its own time alone.

The ledger sees them as one counter that breaks at the seam, as where somebody changed a meter and left its device id: a recorded
exchange is placed there, and without one it is judged like every step that nobody explained.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from operator import itemgetter

from cloud.ledger.base_units import all_to_base
from cloud.ledger.breaks import TAKEN_OVER_MS
from cloud.ledger.known_meters import Counter
from cloud.ledger.limits import Sample
from cloud.ledger.periods import HOUR_MS, floor
from cloud.ledger.timed import Series, counter_samples
from cloud.telemetry.base import Aggregate, Telemetry
from contract.coded import Message


def seamed(counter: Counter, telemetry: Telemetry) -> Counter:
    """A counter whose seams are where its samples have them: behind the last one of the old series before the new one was entered.

    A gateway may read the new series up to seven days before somebody enters it. What never told anything has no time of its own.

    Raises:
        StoreDown: The samples cannot be read.
    """
    if not counter.earlier:
        return counter
    found: list[Counter] = []
    for since, one in list(counter.pieces())[:-1]:
        low = max([since, *(before.until for before in found)])
        shown = [at for at, _ in _read(one, telemetry, one.until, one.until) if low <= at < one.until]
        found.append(replace(one, until=max(low, one.until - TAKEN_OVER_MS, shown[-1] + 1) if shown else low))
    seams = tuple(one.until for one in found)
    *earlier, newest = (replace(one, rules=replace(one.rules, seams=seams)) for one in (*found, counter))
    return replace(newest, earlier=tuple(earlier))


def samples_of(counter: Counter, energy: str, telemetry: Telemetry, unusable: dict[int, Message], start: int, end: int) -> list[Sample]:
    """The samples in [start, end) and their neighbours in base units; those that do not fit the ledger go to `unusable`."""
    usable: list[Sample] = []
    for since, one in counter.pieces():
        low, high = (min(max(at, since), one.until) for at in (start, end))
        inside = [sample for sample in _read(one, telemetry, low, high) if since <= sample[0] < one.until]
        amounts = all_to_base([value for _, value in inside], energy, one.unit)
        for (at, _), amount in zip(inside, amounts, strict=True):
            if isinstance(amount, Message):
                unusable[at] = amount
            else:
                usable.append((at, amount))
    if not counter.earlier:
        return usable
    first, behind = (bisect_left(usable, at, key=itemgetter(0)) for at in (start, end))
    return usable[max(first - 1, 0) : behind + 1]


def hourly(counter: Counter, energy: str, telemetry: Telemetry, start: int, end: int) -> list[Sample]:
    """The last value of each hour of [start, end), whole hours, by its begin; of an hour with a seam the new series'."""
    found: list[Sample] = []
    for since, one in counter.pieces():
        low, high = max(start, since), min(end, one.until)
        if low >= high:
            continue
        edges = range(floor(low, "hour"), floor(high - 1, "hour") + 2 * HOUR_MS, HOUR_MS)
        shown = telemetry.windows(one.group, one.device_class, one.device, one.point, low, high, edges, Aggregate.LAST)
        amounts = all_to_base([value for _, value in shown], energy, one.unit)
        # Of one that does not fit is told where it is counted.
        found += [(at, amount) for (at, _), amount in zip(shown, amounts, strict=True) if not isinstance(amount, Message)]
    return found


def _read(counter: Counter, telemetry: Telemetry, start: int, end: int) -> list[tuple[int, float]]:
    series = Series(counter.group, counter.device_class, counter.device, counter.point)
    return counter_samples(telemetry, series, start, end, counter.offsets)
