"""Which row goes out next: live rows first, then resends that are due, then the backlog at a bounded rate."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from contract.store import LATE_AFTER, MAX_BYTES_IN_FLIGHT, MAX_ROWS_IN_FLIGHT, resend_wait
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Kept

_LIVE_KEPT = 4 * MAX_ROWS_IN_FLIGHT
PAGE = 200
"""Rows of the backlog that are read at once."""
TRIES = 4
"""After so many a row that the cloud does not store, while it stores what was sent later, makes room for others."""
REFUSED_FOR = 3600.0
"""Seconds after which such rows are sent again with the backlog: somebody may have recorded what the cloud lacked."""


@dataclass(slots=True)
class _Sent:
    row: Kept
    due: float
    """Monotonic time (s) at which it is sent again."""
    turn: int
    """Which row it was; of two that are due at once, the one sent first goes first."""
    first: float
    """Monotonic time (s) at which it was sent first."""
    at: float
    """The same of the last time."""
    tries: int = 1


class Span(NamedTuple):
    """Which rows of the backlog come next: positions with `after` < seq < `before`."""

    after: int
    before: int


class Window:
    """The sending order of one session; pure, `now` is monotonic seconds. The backlog is read by the caller, who may wait for the disk.

    Rows that the cloud refuses, as those of a device that it knows behind another gateway, must not stand in the way of all others: the
    backlog leaves half of the room to live rows, and what is refused while others are stored leaves the window for an hour.
    """

    def __init__(self, outbox: Outbox, backlog_rate: float, now: float, live_for: float = LATE_AFTER) -> None:
        """Everything committed so far is backlog, everything later is live, for `live_for` seconds."""
        self._outbox = outbox
        self._rate, self._live_for = backlog_rate, live_for
        self._live: deque[tuple[float, Kept]] = deque()
        """Rows and since when they are there."""
        self._backlog: deque[Kept] = deque()
        self._cursor = 0
        self._backlog_end = outbox.last_seq() + 1
        self._exhausted = False
        self._tokens, self._tokens_at = 0.0, now
        self._sent: dict[int, _Sent] = {}
        self._dues: list[tuple[float, int, int]] = []
        """A heap of (due, turn, seq); what was acknowledged or sent again meanwhile is dropped when it comes to the top."""
        self._turns = 0
        self._bytes = 0
        self._stored_until = float("-inf")
        """When a row was sent first that the cloud has stored: it has looked at all that was sent before."""
        self._anew_at: float | None = None
        """When the backlog begins anew for the sake of rows that were refused; None where none was."""

    def committed(self, rows: list[Kept], since: float) -> None:
        """New rows on disk, there since `since`; when more wait than memory should hold, they become backlog, which is read from disk."""
        # What lies before the end of the backlog the backlog has: it came while the session began.
        self._live.extend((since, row) for row in rows if row.seq >= self._backlog_end)
        if len(self._live) > _LIVE_KEPT:
            self._backlog_end = self._live[-1][1].seq + 1
            self._live.clear()
            self._exhausted = False

    def next(self, now: float) -> tuple[Kept, bool] | None:
        """The next row and whether it goes as historical; None when nothing may be sent now."""
        if self._anew_at is not None and now >= self._anew_at:
            self._begin_anew(self._live[0][1].seq if self._live else self._outbox.last_seq() + 1)
        due = self._due(now)
        if self._full():
            return self._again(due, now) if due else None
        if self._live:
            since, row = self._live.popleft()
            return self._note(row, now), now - since > self._live_for
        if due:
            return self._again(due, now)
        old = self._from_backlog(now)
        return (self._note(old, now), True) if old else None

    def acknowledged(self, spans: Iterable[tuple[int, int]]) -> None:
        """Forget what the cloud has stored."""
        for start, end in spans:
            narrow = end - start < len(self._sent)
            seqs: Iterable[int] = range(start, end + 1) if narrow else [s for s in self._sent if start <= s <= end]
            for sent in filter(None, (self._sent.pop(seq, None) for seq in seqs)):
                self._bytes -= len(sent.row.body)
                self._stored_until = max(self._stored_until, sent.first)

    def recalled(self) -> None:
        """Old rows became pending again: start the backlog anew."""
        self._begin_anew(self._outbox.last_seq() + 1)
        self._live.clear()

    def _begin_anew(self, end: int) -> None:
        """The backlog is all that waits before a position."""
        self._cursor, self._exhausted, self._backlog_end, self._anew_at = 0, False, end, None
        self._backlog.clear()

    def wants(self, now: float) -> Span | None:
        """What to read next of the backlog, since `next` could send it; None if nothing."""
        if self._backlog or self._exhausted or self._half_full() or not self._allowed(now):
            return None
        return Span(self._cursor, self._backlog_end)

    def give(self, span: Span, rows: list[Kept]) -> None:
        """What was read of the backlog, `PAGE` rows at most; nothing where the backlog began anew meanwhile."""
        if span != (self._cursor, self._backlog_end):
            return
        self._exhausted = not rows
        self._cursor = rows[-1].seq if rows else self._cursor
        self._backlog.extend(rows)

    def holds(self, device: str) -> bool:
        """Whether a row of a device waits or is in flight, as far as is known before the backlog is read to its end."""
        waiting = (*(row for _, row in self._live), *self._backlog, *(s.row for s in self._sent.values()))
        return not self._exhausted or any(row.device == device for row in waiting)

    def wait(self, now: float) -> float:
        """Seconds until `next` can have something without a new event."""
        first = self._first_due()
        dues = [first.due - now] if first else []
        if (self._backlog or not self._exhausted) and not self._half_full():
            dues.append(max(0.0, (1.0 - self._tokens) / self._rate))
        return max(0.001, min([1.0, *dues]))

    def _full(self) -> bool:
        return len(self._sent) >= MAX_ROWS_IN_FLIGHT or self._bytes >= MAX_BYTES_IN_FLIGHT

    def _half_full(self) -> bool:
        return 2 * len(self._sent) >= MAX_ROWS_IN_FLIGHT or 2 * self._bytes >= MAX_BYTES_IN_FLIGHT

    def _due(self, now: float) -> _Sent | None:
        """The row that must be sent again now; those that are refused leave the window."""
        while (first := self._first_due()) is not None and first.due <= now:
            if first.tries < TRIES or first.at >= self._stored_until:
                return first
            del self._sent[first.row.seq]
            self._bytes -= len(first.row.body)
            self._anew_at = self._anew_at or now + REFUSED_FOR
        return None

    def _first_due(self) -> _Sent | None:
        """The row in flight that is sent again next; None when nothing is in flight."""
        while self._dues:
            due, _, seq = self._dues[0]
            sent = self._sent.get(seq)
            if sent is not None and sent.due == due:
                return sent
            heapq.heappop(self._dues)
        return None

    def _note(self, row: Kept, now: float) -> Kept:
        self._turns += 1
        self._sent[row.seq] = sent = _Sent(row, now + resend_wait(1), self._turns, now, now)
        heapq.heappush(self._dues, (sent.due, sent.turn, row.seq))
        self._bytes += len(row.body)
        return row

    def _again(self, sent: _Sent, now: float) -> tuple[Kept, bool]:
        sent.tries += 1
        sent.at = now
        sent.due = now + resend_wait(sent.tries)
        heapq.heapreplace(self._dues, (sent.due, sent.turn, sent.row.seq))  # it stands on top: that is how it was found
        return sent.row, True

    def _waiting(self) -> Kept | None:
        """The next row of the backlog as far as it was read; one that was recalled may still be in flight."""
        while self._backlog:
            row = self._backlog.popleft()
            if row.seq not in self._sent:
                return row
        return None

    def _allowed(self, now: float) -> bool:
        """Whether the rate allows another row of the backlog."""
        self._tokens = min(self._tokens + (now - self._tokens_at) * self._rate, max(self._rate / 10, 1.0))
        self._tokens_at = now
        return self._tokens >= 1.0

    def _from_backlog(self, now: float) -> Kept | None:
        row = self._waiting() if self._allowed(now) and not self._half_full() else None
        if row is not None:
            self._tokens -= 1.0
        return row
