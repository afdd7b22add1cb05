"""Whether a source's clock is wrong, or only what it says comes late.

A source is whoever dates readings: a device or terminal that sends its own time, else its gateway. Its lag is the time of
receipt minus the time of measurement, without the wait in our own outbox. A clock that is behind makes each lag the same; what
something kept and hands over later falls behind by ever less, or by anything. So five measurements decide, and until then a late
reading is good, since late is not wrong. A time in the future decides at once: nothing can keep what was not measured yet.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from cloud.devices.clocks import SET, TOLERANCE, Offset, State

STEADY = 10_000
"""Lags of one wrong clock lie within this (ms) of each other."""
ENOUGH = 5
"""Different measurement times that decide."""
DRIFT = 30_000
"""A clock that is so far off (ms), and steadily, is told before it is wrong."""
OLDEST = 90 * 86_400_000
"""A measurement that a device says is older than this (ms) is not believed: after a battery died many clocks begin in 1970 or 2000,
and one that counts GPS weeks in ten bits is 19.6 years behind.
"""
_FALLING = 10
"""Lags that fell by more than this part (a tenth) of the time between measurements belong to a queue that is being emptied."""
_SECOND = 1000
"""Measurements within one are one: a gateway polls several devices in it."""
_MOST_TIMES = 1000
"""Good readings that are remembered of one measurement time, until its clock is judged."""


@dataclass(slots=True)
class _Lag:
    """One measurement: its time by the source's clock, the smallest lag seen, and which readings were stored as good with it."""

    at: int
    lag: int
    times: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))


@dataclass(slots=True)
class Row:
    """What is being found out: the row of `clock_offset` that is not closed yet; `good` holds times by device.

    While it is open its offset stays, so that what was counted through it stays too; a clock that moved on makes it a closed
    piece, with another offset at its end.
    """

    state: State
    start: int
    end: int
    offset_from: int = 0
    offset_to: int = 0
    why: str = ""
    good: dict[str, set[int]] = field(default_factory=dict)

    def true_time(self, at: int) -> int:
        """When that was, which the clock called `at`."""
        return Offset(self.start, self.end, self.offset_from, self.offset_to).true_time(at)


@dataclass(slots=True)
class Source:
    """The clock of one source, as far as it is known.

    Attributes:
        row: An open or undecided judgement; None while nothing is wrong.
        closed: Judgements that ended; whoever keeps them takes them out.
        drifting: By how much (ms) a steady clock is off that is not wrong yet; 0 below `DRIFT`.
        noted_at: When its row was last kept, ms.
    """

    row: Row | None = None
    closed: list[Row] = field(default_factory=list)
    drifting: int = 0
    noted_at: int = 0
    _lags: deque[_Lag] = field(default_factory=lambda: deque(maxlen=ENOUGH))

    def said(self) -> int | None:
        """By how much (ms) the clock is off, as far as it is known: 0 of one that is right, None while it is being found out."""
        if self.row is not None and self.row.state is State.OPEN:
            return self.row.offset_to
        return self.drifting or (None if self._lags else 0)

    def idle(self) -> bool:
        """Whether there is nothing to remember."""
        return self.row is None and not self._lags and not self.closed

    def take(self, at: int, lag: int, device: str, times: Iterable[int]) -> bool:
        """Take one measurement, in the order of receipt.

        Args:
            at: When, by the source's clock, ms.
            lag: Receipt minus `at` in ms, without the wait in our outbox.
            device: Whose readings it carries.
            times: Of these readings, by the source's clock.

        Returns:
            Whether the clock is not believed: then these readings are suspect.
        """
        if self._lags and _kind(self._lags[-1].lag) != _kind(lag):
            self._lags.clear()
        if abs(lag) <= TOLERANCE:
            self._right(at, lag)
            return False
        self.drifting = 0
        times = list(times)
        seen = self._note(at, lag)
        if lag < 0:
            self._ahead(lag)
        elif self._explained(lag):
            pass
        elif self._steady():
            self._judge()
        else:
            if lag <= OLDEST and len(seen.times[device]) < _MOST_TIMES:
                seen.times[device].update(times)
            self._wonder()
            return lag > OLDEST
        self._grow(times)
        return True

    def _right(self, at: int, lag: int) -> None:
        self._close()
        if abs(lag) <= DRIFT:
            self._lags.clear()
            self.drifting = 0
            return
        self._note(at, lag)
        self.drifting = self._offset() if self._steady() else 0

    def _note(self, at: int, lag: int) -> _Lag:
        """The measurement among the last ones."""
        seen = next((seen for seen in self._lags if seen.at // _SECOND == at // _SECOND), None)
        if seen is None:
            seen = _Lag(at, lag)
            self._lags.append(seen)
        seen.lag = min(seen.lag, lag)
        return seen

    def _offset(self) -> int:
        """Of a steady clock: the smallest lag is what waited least on its way, so it is nearest to the clock's."""
        return -min(seen.lag for seen in self._lags)

    def _steady(self) -> bool:
        """Whether the last measurements lag as those of one clock do."""
        if len(self._lags) < ENOUGH:
            return False
        lags = [seen.lag for seen in self._lags]
        return max(lags) - min(lags) <= STEADY and not self._falling()

    def _falling(self) -> bool:
        """Whether lags fall with the time of measurement: then they came together, out of a queue."""
        first, last = min(self._lags, key=lambda seen: seen.at), max(self._lags, key=lambda seen: seen.at)
        return (first.lag - last.lag) * _FALLING > last.at - first.at

    def _ahead(self, lag: int) -> None:
        """A clock that is ahead is judged by its first reading; what is less ahead afterwards waited somewhere, unless it stays so."""
        row = self.row
        if self._steady():
            self._follow(self._offset())
        elif row is None or row.state is not State.OPEN or row.offset_to < -lag - STEADY:
            self._follow(-lag)

    def _explained(self, lag: int) -> bool:
        """Whether a clock that is known to be behind says so late a time; what waited on the way lags by more."""
        row = self.row
        if row is None or row.state is not State.OPEN:
            return False
        if row.offset_to >= 0 or lag < -row.offset_to - STEADY:  # it was set meanwhile
            self._close()
            while len(self._lags) > 1:
                self._lags.popleft()
            return False
        if self._steady():
            self._follow(self._offset())
        return True

    def _follow(self, offset: int) -> None:
        """The open judgement has this offset now; one that moved by more than a clock's noise begins a new piece."""
        row = self.row
        if row is not None and row.state is State.OPEN and abs(offset - row.offset_from) <= STEADY:
            return
        if row is not None and abs(offset - row.offset_from) <= SET:
            row.offset_to = offset
        self._close()
        self.row = Row(State.OPEN, 0, -1, offset, offset)

    def _judge(self) -> None:
        """The last measurements show a clock that is behind; those that were stored as good belong to it too."""
        self.row = row = Row(State.OPEN, 0, -1, self._offset(), self._offset())
        for seen in self._lags:
            for device, stored in seen.times.items():
                row.good.setdefault(device, set()).update(stored)
        self._grow(at for stored in row.good.values() for at in stored)

    def _grow(self, times: Iterable[int]) -> None:
        """Extend the open judgement to readings."""
        row, mine = self.row, list(times)
        if row is not None and mine:
            row.start = min(mine) if row.end < row.start else min(row.start, *mine)
            row.end = max(row.end, *mine)

    def _wonder(self) -> None:
        """Late readings of a clock of which nothing is known yet; lags of a queue end the question."""
        lags = [seen.lag for seen in self._lags]
        times = [at for seen in self._lags for stored in seen.times.values() for at in stored]
        if not times or len(lags) == ENOUGH or max(lags) - min(lags) > STEADY:
            self.row = None
        elif self.row is None:
            self.row = Row(State.UNDECIDED, min(times), max(times))
        else:
            self.row.start, self.row.end = min(times), max(times)

    def _close(self) -> None:
        row, self.row = self.row, None
        if row is not None and row.state is State.OPEN and row.end >= row.start:
            row.state = State.CLOSED
            self.closed.append(row)


def _kind(lag: int) -> int:
    """-1 ahead, 0 about right, 1 late: lags of different kinds are not compared."""
    return 0 if abs(lag) <= TOLERANCE else 1 if lag > 0 else -1
