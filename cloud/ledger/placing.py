"""Where the recorded changes of a counter are: the same for every pass over it, from all samples around each record.

A pass sees a part of the samples, and a part could place a record elsewhere. So a place is found from the whole window of its record,
and is kept with it; while nothing that could move it was touched, the kept one holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloud.ledger.breaks import Break, Exchange, RatioChange, place, place_ratio
from cloud.ledger.counters import Rules
from cloud.ledger.limits import Limits, Sample
from cloud.ledger.periods import HOUR_MS, floor
from cloud.ledger.settled import Settled

Record = Exchange | RatioChange


@dataclass(slots=True)
class Placing:
    """The recorded changes of one counter while some of its hours are counted anew.

    Attributes:
        rules: With the records.
        limits_of: What the counter can do from a sample on.
        read: Its samples in [start, end) and their neighbours, ascending.
        settled: What the ledger says of it.
        touched: Begins of the hours that are counted anew, ascending, ms.
    """

    rules: Rules
    limits_of: Callable[[Sample], Limits]
    read: Callable[[int, int], list[Sample]]
    settled: Settled
    touched: Sequence[int]
    _places: dict[Record, Break | None] | None = field(init=False, default=None)
    _moving: bool = field(init=False)

    def __post_init__(self) -> None:
        self._moving = any(self._may_move(one) for one in self._records)

    @property
    def _records(self) -> tuple[Record, ...]:
        return (*self.rules.exchanges, *self.rules.ratios)

    def moved(self) -> list[tuple[Record, int | None]]:
        """The records that are placed elsewhere than the ledger has them, and where: the first sample after the break, ms."""
        if not self._moving:
            return []
        found = [(one, None if there is None else there.at) for one, there in self._all().items()]
        return [(one, at) for one, at in found if at != one.placed_at]

    def depending(self) -> list[int]:
        """Hours (begins, ms) that count otherwise, since a record moved there or away, or was itself entered or corrected.

        They begin with the last sample before the change: what was shown from there on counts otherwise too.
        """
        if not self._moving:
            return []
        found: set[int] = set()
        for one, there in self._all().items():
            hours = [] if there is None else [floor(there.since, "hour"), floor(there.at, "hour")]
            is_moved = one.placed_at != (None if there is None else there.at)
            hours += [] if one.placed_at is None else [self._before(one, one.placed_at), floor(one.placed_at, "hour")]
            around = bool(hours) and any(min(hours) <= hour <= max(hours) for hour in self.touched)
            if is_moved or around or floor(one.at, "hour") in self.touched:
                found.update(hours)
        return sorted(found)

    def _before(self, record: Record, placed_at: int) -> int:
        """The hour that the last sample before a kept place lies in, or an earlier one: there may be the record's own level between."""
        hour, low = floor(placed_at, "hour"), record.window[0]
        earliest = min([low, *(at for at, _ in self.read(low, low))])
        levels = sorted(self.settled.levels(floor(earliest, "hour"), hour))
        return levels[max(-2, -len(levels))] if levels else hour

    def begin(self, at: int) -> int:
        """A moment; within a recorded change, the last sample before it: what is shown during the change is no level to begin at."""
        if not self._moving and not any(one.placed_at is not None and at < one.placed_at for one in self._records):
            return at
        return min((one.since for one in self._all().values() if one is not None and one.since <= at < one.at), default=at)

    def within(self, start: int, end: int) -> list[Break]:
        """The recorded changes between the samples of two times (ms, both included), in order."""
        if not self._moving and not any(one.placed_at is not None and start < one.placed_at <= end for one in self._records):
            return []
        found = [one for one in self._all().values() if one is not None and start <= one.since and one.at <= end]
        return sorted(found, key=lambda one: (one.at, one.moment))

    def _all(self) -> dict[Record, Break | None]:
        """Each record's place; one break takes one record."""
        if self._places is None:
            self._places, taken = {}, set[int]()
            for one in self._records:
                found = self._place(one, taken)
                self._places[one] = found
                taken |= set() if found is None else {found.at}
        return self._places

    def _place(self, record: Record, taken: set[int]) -> Break | None:
        low, high = record.window
        samples = self.read(low, high + 1)
        if not samples:
            return None
        limits = self.limits_of((low, samples[0][1]))
        if isinstance(record, RatioChange):
            return place_ratio(record, samples, limits, taken)
        found = place(record, samples, limits)
        return None if found is None or found.at in taken else found

    def _may_move(self, record: Record) -> bool:
        """Whether what was touched may place a record otherwise than the ledger has it.

        Once it is placed, only a break that is nearer to the record could take it: what comes in live, further away each hour, moves
        nothing. Beyond these times samples matter as far as the next settled level, where a break over a gap could begin or end.
        """
        away = None if record.placed_at is None else abs(record.placed_at - record.at)
        low, high = record.window if away is None else (record.at - away, record.at + away)
        index = bisect_right(self.touched, low - HOUR_MS)
        if index < len(self.touched):
            after = self.touched[index]
            levels = [] if after <= high else self.settled.levels_before(after, 1)
            if not levels or levels[0][0] <= high:
                return True
        if index > 0:
            levels = self.settled.levels_before(floor(low, "hour"), 1)
            return not levels or levels[0][0] < self.touched[index - 1] + HOUR_MS
        return False
