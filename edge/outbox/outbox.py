"""The outbox: rows committed to SQLite before they are sent, kept after they are acknowledged."""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from contract.point import POINTS, Kind
from contract.reading import Row
from contract.sparkplug import encode_rows
from edge.outbox.lock import hold

_SCHEMA = Path(__file__).with_name("schema.sql")


@dataclass(frozen=True, slots=True)
class Kept:
    """A committed row: its position, device, time of measurement (ms) and encoded body."""

    seq: int
    device: str
    at: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Stats:
    """What the gateway tells of its outbox.

    Attributes:
        depth: Rows not yet acknowledged.
        oldest_at: Time of the oldest of them, ms; None if there is none.
        last_seq: The greatest position ever given.
        size: Bytes that hold something.
        lost: Readings that were given up for want of room, ever.
        undated: Rows that wait for the clock.
    """

    depth: int
    oldest_at: int | None
    last_seq: int
    size: int
    lost: int
    undated: int


class Outbox:
    """One file, one uuid, one rising sequence. Calls may come from any thread; each is one transaction.

    `synchronous = FULL`: when `commit` returns, the rows survive a power cut.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`.

        Raises:
            OSError: Another process has it open.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._free = weakref.finalize(self, os.close, hold(path))
        self._lock = threading.Lock()
        self.full = False
        """Set by `keeping`: gauges are no longer taken."""
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA.read_text(encoding="utf-8"))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('uuid', ?)", (str(uuid.uuid4()),))
        self.uuid: str = self._db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()[0]

    def commit(self, rows: Sequence[Row], *, boot: str | None = None) -> list[Kept]:
        """Put rows on disk, in their order, and return those that may be sent now, with their positions.

        Args:
            rows: What was read. While the outbox is full, gauges are left out and counted as lost.
            boot: Given while the clock is not yet set: times count from this boot's start, and the rows wait for `date`.
        """
        kept_rows = [r for r in map(without_gauges, rows) if r is not None] if self.full else rows
        bodies = [
            (r.device, r.at, never_thinned(r.values, texts=bool(r.texts)), boot, encode_rows([r], historical=r.late)) for r in kept_rows
        ]
        with self.transaction() as db:
            first = self._last_seq() + 1
            db.executemany("INSERT INTO row (device, at, keep, boot, body) VALUES (?, ?, ?, ?, ?)", bodies)
            if self.full:
                self.count_lost(sum(len(r.values) for r in rows) - sum(len(r.values) for r in kept_rows))
        if boot is not None:
            return []
        return [Kept(first + i, device, at, body) for i, (device, at, _, _, body) in enumerate(bodies)]

    def pending(self, after: int, limit: int, *, before: int | None = None) -> list[Kept]:
        """Unacknowledged rows with `after` < seq (< `before`), oldest first."""
        with self._lock:
            found = self._db.execute(
                "SELECT seq, device, at, body FROM row"
                " WHERE acknowledged = 0 AND boot IS NULL AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
                (after, before if before is not None else 2**62, limit),
            ).fetchall()
        return [Kept(*row) for row in found]

    def acknowledge(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Mark closed ranges of positions as stored by the cloud; returns how many rows that newly concerns."""
        with self.transaction() as db:
            return sum(
                db.execute("UPDATE row SET acknowledged = 1 WHERE acknowledged = 0 AND seq BETWEEN ? AND ?", span).rowcount
                for span in ranges
            )

    def last_seq(self) -> int:
        """The greatest position ever given; 0 for a new outbox."""
        with self._lock:
            return self._last_seq()

    def next_session(self) -> int:
        """The bdSeq of the next CONNECT: 0 at first, one more each time, 0 after 255 (tck-id-topics-nbirth-bdseq-increment).

        Kept on disk, so that the late death of an earlier process is never taken for the present one's.
        """
        return self._count_session(1) % 256

    def take_back_session(self) -> None:
        """No CONNECT left the machine after `next_session`, so its number is given again."""
        self._count_session(-1)

    def _count_session(self, step: int) -> int:
        with self._lock:
            found = self._db.execute("SELECT value FROM meta WHERE key = 'bd_seq'").fetchone()
            number = int(found[0] if found else -1) + step
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('bd_seq', ?)", (str(number),))
        return number

    def stats(self) -> Stats:
        """What the gateway reports about its outbox."""
        with self._lock:
            waiting = "SELECT count(*), min(at) FROM row WHERE acknowledged = 0 AND boot IS NULL"
            depth, oldest = self._db.execute(waiting).fetchone()
            undated = self._db.execute("SELECT count(*) FROM row WHERE boot IS NOT NULL").fetchone()[0]
            lost = self._db.execute("SELECT value FROM meta WHERE key = 'lost'").fetchone()
            return Stats(depth, oldest, self._last_seq(), self._used(), int(lost[0]) if lost else 0, undated)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside one transaction; rolled back by any error."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def count_lost(self, readings: int) -> None:
        """Inside a transaction: so many readings are gone for ever."""
        if readings:
            self._db.execute(
                "INSERT INTO meta VALUES ('lost', ?) ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value",
                (str(readings),),
            )

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        with self._lock:
            return self._used()

    def _used(self) -> int:
        pages, free, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
        return int((pages - free) * size)

    def close(self) -> None:
        """Close the file; everything committed stays."""
        with self._lock:
            self._db.close()
            self._free()

    def _last_seq(self) -> int:
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'row'").fetchone()
        return int(found[0]) if found else 0


def never_thinned(names: Iterable[str], *, texts: bool) -> int:
    """1 for rows with counters, states or answers to commands; 0 for gauges alone. `names` are those with a value."""
    return int(texts or any(not _is_gauge(name) for name in names))


def without_gauges(row: Row) -> Row | None:
    """The row with what a full outbox still takes; None if nothing is left."""
    values = {name: value for name, value in row.values.items() if not _is_gauge(name)}
    return replace(row, values=values, bad={}) if values or row.texts else None


def _is_gauge(name: str) -> bool:
    return name not in POINTS or POINTS[name].kind is Kind.GAUGE
