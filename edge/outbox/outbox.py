"""The outbox: rows committed to SQLite before they are sent, kept after they are acknowledged."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.point import POINTS, Kind
from contract.reading import Row
from contract.sparkplug import encode_rows

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
    """Rows not yet acknowledged, the oldest one's time (ms, None if there is none), the last position, bytes on disk."""

    depth: int
    oldest_at: int | None
    last_seq: int
    size: int


class Outbox:
    """One file, one uuid, one rising sequence. Calls may come from any thread; each is one transaction.

    `synchronous = FULL`: when `commit` returns, the rows survive a power cut.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA.read_text(encoding="utf-8"))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('uuid', ?)", (str(uuid.uuid4()),))
        self.uuid: str = self._db.execute("SELECT value FROM meta WHERE key = 'uuid'").fetchone()[0]

    def commit(self, rows: Sequence[Row]) -> list[Kept]:
        """Put rows on disk, in their order, and return them with their positions."""
        bodies = [(r.device, r.at, _keep(r), encode_rows([r])) for r in rows]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            first = self._last_seq() + 1
            self._db.executemany("INSERT INTO row (device, at, keep, body) VALUES (?, ?, ?, ?)", bodies)
            self._db.execute("COMMIT")
        return [Kept(first + i, device, at, body) for i, (device, at, _, body) in enumerate(bodies)]

    def pending(self, after: int, limit: int, *, before: int | None = None) -> list[Kept]:
        """Unacknowledged rows with `after` < seq (< `before`), oldest first."""
        with self._lock:
            found = self._db.execute(
                "SELECT seq, device, at, body FROM row WHERE acknowledged = 0 AND seq > ? AND seq < ? ORDER BY seq LIMIT ?",
                (after, before if before is not None else 2**62, limit),
            ).fetchall()
        return [Kept(*row) for row in found]

    def acknowledge(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Mark closed ranges of positions as stored by the cloud; returns how many rows that newly concerns."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            changed = sum(
                self._db.execute("UPDATE row SET acknowledged = 1 WHERE acknowledged = 0 AND seq BETWEEN ? AND ?", span).rowcount
                for span in ranges
            )
            self._db.execute("COMMIT")
        return changed

    def recall(self, start: int, end: int) -> int:
        """Make kept rows with `start` <= at < `end` pending again, for a cloud restored from a backup; returns how many."""
        with self._lock:
            return self._db.execute("UPDATE row SET acknowledged = 0 WHERE acknowledged = 1 AND at >= ? AND at < ?", (start, end)).rowcount

    def last_seq(self) -> int:
        """The greatest position ever given; 0 for a new outbox."""
        with self._lock:
            return self._last_seq()

    def next_session(self) -> int:
        """The bdSeq of the next CONNECT: 0 at first, one more each time, 0 after 255 (tck-id-topics-nbirth-bdseq-increment).

        Kept on disk, so that the late death of an earlier process is never taken for the present one's.
        """
        with self._lock:
            found = self._db.execute("SELECT value FROM meta WHERE key = 'bd_seq'").fetchone()
            number = (int(found[0]) + 1) % 256 if found else 0
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('bd_seq', ?)", (str(number),))
        return number

    def stats(self) -> Stats:
        """What the gateway reports about its outbox."""
        with self._lock:
            depth, oldest = self._db.execute("SELECT count(*), min(at) FROM row WHERE acknowledged = 0").fetchone()
            last = self._last_seq()
        return Stats(depth, oldest, last, self._path.stat().st_size)

    def close(self) -> None:
        """Close the file; everything committed stays."""
        with self._lock:
            self._db.close()

    def _last_seq(self) -> int:
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'row'").fetchone()
        return int(found[0]) if found else 0


def _keep(row: Row) -> int:
    """1 for rows that are never thinned: counters, events and answers to commands; 0 for gauges alone."""
    counters = any(n in POINTS and POINTS[n].kind is not Kind.GAUGE for n in row.values)
    return int(counters or bool(row.texts))
