"""What waits in an outbox, counted row by row as it comes and goes: to ask for all of it would take as long as the backlog is large."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.outbox.rows import DamagedError, Stored

PAGE = 2000
"""Rows that one look takes, at most: a commit waits for no more."""
MOST_SPANS = 50_000
"""Spans of time that are told apart, some 15 MB; a minute each holds a month. Where devices date further apart, spans are made longer."""
_MINUTE = 60_000
_TRIGGERS = """
CREATE TEMP TRIGGER waiting_out AFTER DELETE ON main.row WHEN OLD.acknowledged = 0
BEGIN SELECT waiting(-1, OLD.seq, CASE typeof(OLD.at) WHEN 'integer' THEN OLD.at END, CAST(OLD.boot AS BLOB)); END;
CREATE TEMP TRIGGER waiting_before AFTER UPDATE OF at, acknowledged, boot ON main.row WHEN OLD.acknowledged = 0
BEGIN SELECT waiting(-1, OLD.seq, CASE typeof(OLD.at) WHEN 'integer' THEN OLD.at END, CAST(OLD.boot AS BLOB)); END;
CREATE TEMP TRIGGER waiting_after AFTER UPDATE OF at, acknowledged, boot ON main.row WHEN NEW.acknowledged = 0
BEGIN SELECT waiting(1, NEW.seq, CASE typeof(NEW.at) WHEN 'integer' THEN NEW.at END, CAST(NEW.boot AS BLOB)); END;
"""
"""Of this connection alone, which is the only one that writes: nothing of them stands in the file. Rows that wait from the start on are
counted by `coming`, which costs a commit a third of what a trigger would. A damaged text is none that Python takes as an argument."""
_NEXT = "SELECT seq, at, boot, acknowledged FROM row WHERE seq > ? ORDER BY seq LIMIT ?"
_OLDEST = "SELECT at FROM row WHERE acknowledged = 0 AND boot IS NULL AND seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"


@dataclass(slots=True)
class _Span:
    """Rows whose times are in one span of time, and positions between which they all lie."""

    rows: int
    first: int
    last: int

    def add(self, rows: int, first: int, last: int) -> None:
        self.rows += rows
        self.first = min(self.first, first)
        self.last = max(self.last, last)


class _Tally:
    """Rows that wait for the cloud, by their time, and rows that wait for a date, by their boot; of a change both may be below 0."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.depth = 0
        self.spans: dict[int, _Span] = {}
        self.undated: Counter[str] = Counter()

    def change(self, by: int, seq: int, at: object, boot: object) -> None:
        if isinstance(at, int) and boot is None:
            self.depth += by
            self._add(at // self.width, by, seq, seq)
        elif isinstance(boot, str):
            self.undated[boot] += by
        else:
            raise DamagedError(f"row {seq} has the time {at!r:.40} and the boot {boot!r:.40}")

    def take(self, change: _Tally) -> None:
        self.depth += change.depth
        for number, span in change.spans.items():
            self._add(number, span.rows, span.first, span.last)
            if not self.spans[number].rows:
                del self.spans[number]
        for boot, rows in change.undated.items():
            self.undated[boot] += rows
            if not self.undated[boot]:
                del self.undated[boot]
        while len(self.spans) > MOST_SPANS:
            self._lengthen()

    def _add(self, number: int, rows: int, first: int, last: int) -> None:
        span = self.spans.get(number)
        if span is None:
            self.spans[number] = _Span(rows, first, last)
        else:
            span.add(rows, first, last)

    def _lengthen(self) -> None:
        spans, self.spans = self.spans, {}
        self.width *= 2
        for number, span in spans.items():
            self._add(number // 2, span.rows, span.first, span.last)


class Waiting:
    """What waits behind one connection to an outbox.

    What was there when it was opened is counted page by page, in the order of positions, and what changes meanwhile behind the page that
    is reached is met there. So every row is counted once, and a commit waits for one page at most.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        """Nothing is counted yet."""
        db.create_function("waiting", 4, self._changed)
        db.execute("PRAGMA temp_store = MEMORY")  # a disk that takes nothing must not keep the counters from their place
        db.executescript(_TRIGGERS)
        self._begin()

    def _begin(self) -> None:
        self._reached: int | None = -1
        """All rows up to this position are counted; None for all rows."""
        self._whole = _Tally(_MINUTE)
        self._change = _Tally(_MINUTE)
        self._doubtful = False

    def _changed(self, by: int, seq: int, at: int | None, boot: bytes | None) -> None:
        """Called by SQLite for each row that begins or ceases to wait."""
        if self._reached is None or seq <= self._reached:
            try:
                self._change.change(by, seq, at, None if boot is None else boot.decode("utf-8", "replace"))
            except DamagedError:  # an error here would only be "user-defined function raised exception"; the next count says what it is
                self._doubtful = True

    def coming(self, rows: Iterable[Stored]) -> Iterator[Stored]:
        """Inside a transaction: the same rows, counted on their way into the file."""
        change, reached = self._change.change, self._reached
        for row in rows:
            if (reached is None or row.seq <= reached) and not row.acknowledged:
                change(1, row.seq, row.at, row.boot)
            yield row

    @contextmanager
    def transaction(self, db: sqlite3.Connection) -> Iterator[None]:
        """One transaction, rolled back by any error; what it changes is counted once it is committed."""
        self._change = _Tally(self._whole.width)
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite ends it by itself after some errors
                db.execute("ROLLBACK")
            raise
        self._whole.take(self._change)
        if self._doubtful:
            self._begin()

    def count(self, db: sqlite3.Connection) -> bool:
        """Count the next page of rows, if there are any that were not counted yet; whether all are counted now.

        Raises:
            DamagedError: A row is not what was committed.
        """
        if self._reached is None:
            return True
        page = db.execute(_NEXT, (self._reached, PAGE)).fetchall()
        counted = _Tally(self._whole.width)
        for seq, at, boot, acknowledged in page:
            if not acknowledged:
                counted.change(1, seq, at, boot)
        self._whole.take(counted)
        self._reached = page[-1][0] if len(page) == PAGE else None
        return self._reached is None

    @property
    def depth(self) -> int:
        """Rows that wait for the cloud, of those that are counted."""
        return self._whole.depth

    @property
    def undated(self) -> dict[str, int]:
        """Rows that wait for a date by their boot, of those that are counted."""
        return dict(self._whole.undated)

    def oldest(self, db: sqlite3.Connection) -> int | None:
        """Time (ms) of the oldest row that waits for the cloud, of those that are counted; None if none does.

        Where more rows than a page lie between those of the oldest minute, it may be up to a minute too early.

        Raises:
            DamagedError: A time is none.
        """
        spans, width = self._whole.spans, self._whole.width
        if not spans:
            return None
        number = min(spans)
        times = [at for (at,) in db.execute(_OLDEST, (spans[number].first, spans[number].last, PAGE))]
        for at in times:
            if not isinstance(at, int):
                raise DamagedError(f"the time of a row that waits is {at!r:.40}")
        least = min(times, default=None) if len(times) < PAGE else None
        return least if least is not None and least // width == number else number * width
