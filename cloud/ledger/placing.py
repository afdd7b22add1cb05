"""Where the recorded changes of a counter are: the same for every pass over it, from all samples around each record.

A pass sees a part of the samples, and a part could place a record elsewhere. So a place is found from the whole window of its record,
and is kept with it; while nothing that could move it was touched, the kept one holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from cloud.ledger.above import own_most
from cloud.ledger.breaks import MEANWHILE, SNAP_MS, Break, Exchange, RatioChange, place, place_ratio
from cloud.ledger.counters import Rules
from cloud.ledger.limits import Limits, Sample
from cloud.ledger.periods import HOUR_MS, floor
from cloud.ledger.repository.settled import Settled
from cloud.ledger.usual import WEEKS_MS, Usual

Record = Exchange | RatioChange
_SURE = 2
"""Of so many settled levels one is a sample's; another may be a recorded change's own."""
_WIDER = 4
"""The search for enough samples begins with an hour and takes so many times more at each step."""


@dataclass(slots=True)
class Placing:
    """The recorded changes of one counter while some of its hours are counted anew.

    Attributes:
        rules: With the records.
        limits_of: What the counter can do from a sample on.
        read: Its samples in [start, end) and their neighbours, ascending.
        settled: What the ledger says of it.
        touched: Begins of the hours that are counted anew, ascending, ms.
        usual: Its usual use.
    """

    rules: Rules
    limits_of: Callable[[Sample], Limits]
    read: Callable[[int, int], list[Sample]]
    settled: Settled
    touched: Sequence[int]
    usual: Usual
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
        if not self._moving:  # what is placed stays, so that nothing behind it is asked, and what waits goes on to
            if record.placed_at is None:
                return None
            low, high = (low if isinstance(record, Exchange) else record.placed_at), record.placed_at
        return self._find(record, self.read(low, high + 1), taken)

    def _find(self, record: Record, samples: Sequence[Sample], taken: Collection[int] = ()) -> Break | None:
        """A record's place among some samples; what the counter can do is taken from the begin of the window, whichever these are."""
        low = record.window[0]
        first = self.read(low, low)
        if not first or not samples:
            return None
        limits = self.limits_of((low, first[0][1]))
        if isinstance(record, RatioChange):
            return place_ratio(record, samples, limits, taken)
        found = place(record, samples, limits, own_most(limits, self.usual.busiest_before(low)))
        if found is None:  # a meter may be exchanged on the day on which more is used than before
            found = place(record, samples, limits, own_most(limits, self.usual.busiest(low, record.at + SNAP_MS)))
        return None if found is None or found.at in taken else found

    def _may_move(self, record: Record) -> bool:
        """Whether what was touched may place a record otherwise than the ledger has it.

        Once it is placed, only a break that is nearer to the record could take it: what comes in live, further away each hour, moves
        nothing. While it waits, the ledger has found no break elsewhere, so the samples around what was touched are looked at alone.
        """
        low, high = record.window
        if isinstance(record, Exchange) and any(low - WEEKS_MS - 2 * HOUR_MS <= hour < low for hour in self.touched):
            return True  # its values are held against the use of these weeks
        if isinstance(record, Exchange) and record.placed_at is None and self._more_known(record.at + SNAP_MS):
            return True
        if record.placed_at is not None:
            away = abs(record.placed_at - record.at)
            low, high = (low if isinstance(record, Exchange) else record.at - away), record.at + away
        hours = self._reaching(low, high)
        if not hours or record.placed_at is not None or floor(record.at, "hour") in hours:
            return bool(hours)
        samples = self._around(record, hours[0], hours[-1] + HOUR_MS)
        return self._find(record, samples) is not None

    def _more_known(self, at: int) -> bool:
        """Whether another day of the weeks after a moment is known now."""
        last = floor(at - 1, "hour") + WEEKS_MS
        return any(at <= hour <= last + HOUR_MS and hour in {floor(hour, "day"), last} for hour in self.touched)

    def _reaching(self, low: int, high: int) -> Sequence[int]:
        """The touched hours that hold samples from `low` to `high` (ms), or the next ones beyond, where a break over a gap could end."""
        begin, end = bisect_right(self.touched, low - HOUR_MS), bisect_right(self.touched, high)
        if begin > 0:
            before = [at for at, _ in self.read(low, low) if at < low]
            if not before or before[0] < self.touched[begin - 1] + HOUR_MS:
                begin -= 1
        if end < len(self.touched):
            after = self.touched[end]
            levels = self.settled.levels_before(after, _SURE)
            if len(levels) < _SURE or levels[-1][0] <= high:
                beyond = [at for at, _ in self.read(high + 1, high + 1) if at > high]
                if not beyond or after <= beyond[0]:
                    end += 1
        return self.touched[begin:end]

    def _around(self, record: Record, first: int, last: int) -> list[Sample]:
        """The samples in [first, last) (ms) of a record's window, and as many to both sides as a break may reach over."""
        low, high = record.window
        most = MEANWHILE if isinstance(record, Exchange) else 0
        before = after = HOUR_MS if most else 0
        while True:
            start, end = (min(max(at, low), high + 1) for at in (first - before, last + after))
            samples = self.read(start, end)
            is_early = start == low or bisect_left(samples, (first,)) > most
            is_late = end == high + 1 or len(samples) - bisect_left(samples, (last,)) > most
            if not most or (is_early and is_late):
                return samples
            before, after = before * (1 if is_early else _WIDER), after * (1 if is_late else _WIDER)
