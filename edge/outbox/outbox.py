"""The outbox: rows committed to SQLite before they are sent, kept after they are acknowledged."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from contract.point import POINTS, Kind
from contract.reading import Row
from contract.sparkplug import encode_rows
from edge.outbox import file
from edge.outbox.handle import Handle
from edge.outbox.positions import Positions
from edge.outbox.rows import DamagedError, Kept, Stored, count_lost, counted_lost, damaged, full, select

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds after which a disk that does not answer is taken for one that hangs."""
_THREADS = 16
"""More than the gateway's parts that use an outbox at a time: the writer, keeping, the clock, health, a recall and the session."""


class HangsError(sqlite3.OperationalError):
    """The disk does not answer: what it was asked for may come about later, or never."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the gateway tells of its outbox.

    Attributes:
        depth: Rows not yet acknowledged; None until they are counted, which a large backlog takes a while for after a start.
        oldest_at: Time of the oldest of them, ms; None if there is none, or until they are counted.
        last_seq: The greatest position ever given.
        size: Bytes that hold something.
        lost: Readings that were given up for want of room, or because the disk refused them, ever.
        undated_by: Rows that wait for a date, by their boot; None until they are counted.
        set_aside: Damaged files of this outbox that nobody has deleted yet.
    """

    depth: int | None
    oldest_at: int | None
    last_seq: int
    size: int
    lost: int
    undated_by: Mapping[str, int] | None
    set_aside: int

    @property
    def undated(self) -> int | None:
        """Rows that wait for a date, of all boots; None until they are counted."""
        return None if self.undated_by is None else sum(self.undated_by.values())


class Outbox:
    """One file, one uuid, one rising sequence. Calls may come from any thread; each is one transaction.

    `synchronous = FULL`: when `commit` returns, the rows survive a power cut. While the disk refuses, a call raises `sqlite3.Error`,
    and the next one tries again. A damaged file is set aside, and one that was taken away is made anew: `uuid` is another one then,
    and positions go on rising.
    """

    def __init__(self, path: Path, *, now: bool = True) -> None:
        """Open or make the file at `path`; where the disk refuses, the first call that can does it.

        Args:
            path: Of the file.
            now: False leaves it to the first call anyhow, since a disk may hang. Its lock is then waited for no longer than `PATIENCE`.

        Raises:
            InUseError: Another process has it open.
        """
        self.path = path
        self._file = Handle(path, PATIENCE)
        if now:
            self._file.open()
        self._asked: dict[str, asyncio.Future[object]] = {}
        self.full = False
        """Set by `keeping`: gauges are no longer taken."""
        self.looked_at = 0
        """By `keeping`: behind which position packs are looked at next, whether they are old."""
        self.settled: dict[Path, Positions] = {}
        """By `salvage`: of each damaged file that is being taken over, which rows need no date any more. To find them takes minutes."""
        self._lost, self._counting = 0, threading.Lock()
        """Readings that are not yet counted on disk."""
        self._session: int | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="outbox")

    async def beside(self, work: Callable[..., T], *arguments: object) -> T:
        """What a call that uses this outbox gives, made in a thread of its own kind.

        A disk that hangs keeps these threads, and none of those in which asyncio resolves names and the session is begun.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def soon(self, work: Callable[..., T], *arguments: object) -> T:
        """As `beside`, within `PATIENCE`. Of each kind of work one call is under way at a time: the next waits for the same answer.

        Raises:
            HangsError: The disk does not answer.
        """
        asked = self._asked.get(work.__name__)
        if asked is None or asked.done():
            asked = self._asked[work.__name__] = asyncio.ensure_future(self.beside(work, *arguments))
        await asyncio.wait([asked], timeout=PATIENCE)
        if not asked.done():
            raise HangsError("the disk does not answer")
        return cast("T", asked.result())

    @property
    def uuid(self) -> str:
        """Of the present file."""
        return self._file.uuid

    @property
    def reserve(self) -> file.Reserve:
        """The room that is held back for a full disk."""
        return self._file.reserve

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """The connection inside one transaction; rolled back by any error."""
        return self._file.transaction()

    def commit(self, rows: Sequence[Row], *, boot: str | None = None) -> list[Kept]:
        """Put rows on disk, in their order, and return those that may be sent now, with their positions.

        Args:
            rows: What was read. While the outbox is full, gauges are left out and counted as lost.
            boot: Given while the clock is not yet set: times count from this boot's start, and the rows wait for `date`.
        """
        taken = [r for r in map(without_gauges, rows) if r is not None] if self.full else rows
        bodies = [encode_rows([r], historical=r.late) for r in taken]
        keeps = [never_thinned(r.values, texts=bool(r.texts)) for r in taken]
        left_out = sum(len(r.values) for r in rows) - sum(len(r.values) for r in taken)
        uncounted = self._lost
        with self._file.transaction() as db:
            first = self._file.last + 1
            numbered = enumerate(zip(taken, keeps, bodies, strict=True), first)
            self._file.put(db, (Stored(seq, r.device, r.at, keep, 0, boot, body) for seq, (r, keep, body) in numbered))
            count_lost(db, left_out + uncounted)
        self.lose(-uncounted)
        return (
            []
            if boot is not None
            else [Kept(seq, r.device, r.at, body) for seq, (r, body) in enumerate(zip(taken, bodies, strict=True), first)]
        )

    def adopt(self, rows: Sequence[Stored], key: str, value: str, others: Mapping[str, str] | None = None, lost: int = 0) -> None:
        """Take over unacknowledged rows of another file at positions of their own, and `note` in the same transaction how far that went.

        Args:
            rows: Of that file.
            key: Of the note that says how far that went.
            value: Of this note.
            others: Notes of that file, which are taken over where this one has none under their key.
            lost: Readings that were given up there.
        """
        with self._file.transaction() as db:
            self._file.adopt(db, rows)
            db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", (others or {}).items())
            count_lost(db, lost)
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def note(self, key: str) -> str | None:
        """What was noted under a key."""
        with self._file.using() as db:
            found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def lose(self, readings: int) -> None:
        """So many readings are gone for ever; counted on disk with the next commit, and never waiting for it."""
        with self._counting:
            self._lost += readings

    def pending(self, after: int, limit: int, *, before: int | None = None) -> list[Kept]:
        """Unacknowledged rows with `after` < seq (< `before`), oldest first."""
        condition = "acknowledged = 0 AND boot IS NULL AND seq > ? AND seq < ? ORDER BY seq LIMIT ?"
        with self._file.using() as db:
            return [r.kept for r in select(db, condition, (after, before if before is not None else 2**62, limit))]

    def acknowledge(self, ranges: Iterable[tuple[int, int]], *, of: str | None = None) -> int:
        """Mark closed ranges of positions as stored by the cloud; returns how many rows that newly concerns.

        `of` is the uuid of the outbox that they are positions of: in another one they mean other rows, and nothing is marked.
        """
        with self._file.transaction() as db:
            if of not in {None, self._file.uuid}:
                return 0
            return sum(
                db.execute("UPDATE row SET acknowledged = 1 WHERE acknowledged = 0 AND seq BETWEEN ? AND ?", span).rowcount
                for span in ranges
            )

    def last_seq(self) -> int:
        """The greatest position ever given; 0 for a new outbox. Never waits for the disk."""
        return self._file.last

    def next_session(self) -> int:
        """The bdSeq of the next CONNECT: 0 at first, one more each time, 0 after 255 (tck-id-topics-nbirth-bdseq-increment).

        Kept on disk, so that the late death of an earlier process is never taken for the present one's; a disk that refuses ends no
        session.
        """
        return self._count_session(1) % 256

    def next_session_unkept(self) -> int:
        """As `next_session`, on a disk that hangs: what it is asked for now may be done later, so a number may be left out."""
        return self._step_session(1) % 256

    def take_back_session(self) -> None:
        """No CONNECT left the machine after `next_session`, so its number is given again."""
        self._count_session(-1)

    def _count_session(self, step: int) -> int:
        noted = -1
        if self._session is None:
            with suppress(sqlite3.Error, ValueError):  # of a damaged number nothing is known either
                noted = int(self.note("bd_seq") or -1)
        number = self._step_session(step, noted)
        with suppress(sqlite3.Error), self._file.using() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('bd_seq', ?)", (str(number),))
        return number

    def _step_session(self, step: int, noted: int = -1) -> int:
        with self._counting:
            self._session = number = max(noted, -1 if self._session is None else self._session) + step
        return number

    def stats(self) -> Stats:
        """What the gateway reports about its outbox.

        Raises:
            sqlite3.Error: It cannot be read, or is damaged.
        """
        set_aside = len(file.all_set_aside(self.path))
        with self._file.using() as db:
            waiting = self._file.waiting
            counted = waiting.count(db)
            depth, undated = (waiting.depth, waiting.undated) if counted else (None, None)
            oldest = waiting.oldest(db) if counted else None
            return Stats(depth, oldest, self._file.last, _used(db), counted_lost(db) + self._lost, undated, set_aside)

    def count(self) -> None:
        """Count what waits, page by page beside other calls; at once where that was done since the file was opened.

        Raises:
            sqlite3.Error: It cannot be read, or is damaged.
        """
        counted = False
        while not counted:
            with self._file.using() as db:
                counted = self._file.waiting.count(db)

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        with self._file.using() as db:
            return _used(db)

    def checkpoint(self) -> int:
        """Write SQLite's log into the file, so that it begins anew in the room that it has; returns how many pages that was.

        0 where the file has no room for them.

        Raises:
            sqlite3.Error: The disk refuses it for another reason.
        """
        try:
            with self._file.using() as db:
                busy, _, written = db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error as error:
            if not full(error):
                raise
            return 0
        return 0 if busy else int(written)

    def look_through(self) -> None:
        """Look for damage in the whole file, beside other calls; where there is any, the file is set aside.

        Raises:
            sqlite3.Error: It is damaged, or cannot be read.
        """
        with self._file.using():
            before = file.identity(self.path)
        db = sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True)
        try:
            found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            found = str(error) if damaged(error) else "ok"
        finally:
            db.close()
        if found != "ok":
            with self._file.using():
                if file.identity(self.path) == before:
                    raise DamagedError(found)

    def close(self) -> None:
        """Close the file; everything committed stays, and what is lost is counted where the disk takes it."""
        if self._lost:
            with suppress(sqlite3.Error):
                self.commit([])
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._file.close()


def _used(db: sqlite3.Connection) -> int:
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
    return int((pages - free) * size)


def never_thinned(names: Iterable[str], *, texts: bool) -> int:
    """1 for rows with counters, states or answers to commands; 0 for gauges alone. `names` are those with a value."""
    return int(texts or any(not _is_gauge(name) for name in names))


def without_gauges(row: Row) -> Row | None:
    """The row with what a full outbox still takes; None if nothing is left."""
    values = {name: value for name, value in row.values.items() if not _is_gauge(name)}
    return replace(row, values=values, bad={}) if values or row.texts else None


def _is_gauge(name: str) -> bool:
    return name not in POINTS or POINTS[name].kind is Kind.GAUGE
