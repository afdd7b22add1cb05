"""The time-series store in one SQLite file, for demonstrations and small sites.

A batch is one transaction with `synchronous = FULL`: ingest acknowledges what this returned from, and the gateway then
forgets it, so a power cut may not undo it. One connection writes behind a lock; a few others read, each for one thread at a
time, and WAL lets them read while that one writes.
"""

from __future__ import annotations

import json
import queue
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any

from cloud.telemetry.base import (
    CHECK,
    MAX_MS,
    Aggregate,
    Breaker,
    Figures,
    FiguresError,
    Line,
    Polled,
    Refused,
    Sample,
    Stored,
    StoreDown,
    check_figure,
    equal_runs,
    figures_fault,
    series_fault,
    single,
    value_fault,
)
from contract.reading import Quality, Reading

_WAIT_S = 30.0
"""How long a statement waits for another process that writes."""

MOST_READERS = 8
"""Connections that read: each holds two or three descriptors and its cache, and a thread more waits for one."""
_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 16_384
"""64 MiB each: live readings of many series touch many pages, which SQLite's defaults (2 and 4 MiB) would write again and again."""

_PAGE_BYTES = 4096
_LEAST_PAGES = 1000
"""SQLite's default."""
_PART_OF_VOLUME = 64

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series(
    id INTEGER PRIMARY KEY, grp TEXT NOT NULL, class TEXT NOT NULL, device TEXT NOT NULL, point TEXT NOT NULL,
    UNIQUE(grp, class, device, point));
CREATE TABLE IF NOT EXISTS reading(
    series INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL, reason TEXT,
    PRIMARY KEY(series, ts)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubtful(
    series INTEGER NOT NULL, ts INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY(series, ts)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS figure(
    measurement TEXT NOT NULL, tags TEXT NOT NULL, ts INTEGER NOT NULL, field TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY(measurement, tags, field, ts)) WITHOUT ROWID;
"""

_GOOD = int(Quality.GOOD)
_SUSPECT = int(Quality.SUSPECT)

# Inside DO UPDATE, a bare column is the old row's and `excluded` is the new one.
_UPSERT = f"""
INSERT INTO reading(series, ts, value, quality, reason) VALUES (?, ?, ?, ?, ?)
ON CONFLICT(series, ts) DO UPDATE SET
    value = CASE WHEN excluded.value IS NULL THEN value ELSE excluded.value END,
    quality = excluded.quality, reason = excluded.reason
WHERE excluded.quality = {_GOOD} OR quality <> {_GOOD}
"""  # noqa: S608 - a number of our own

_DOUBTFUL = "INSERT OR REPLACE INTO doubtful(series, ts, value) VALUES (?, ?, ?)"
"""Beside what `reading` has: there, a good reading of the same time takes the place."""

_FIGURE = """
INSERT INTO figure(measurement, tags, ts, field, value) VALUES (?, ?, ?, ?, ?)
ON CONFLICT(measurement, tags, field, ts) DO UPDATE SET value = excluded.value
"""

_ID = "(SELECT id FROM series WHERE grp = ? AND class = ? AND device = ? AND point = ?)"

_LATEST = """
SELECT s.point, r.ts, r.value, r.quality, r.reason FROM series s JOIN reading r
    ON r.series = s.id AND r.ts = (SELECT max(ts) FROM reading WHERE series = s.id)
WHERE s.grp = ? AND s.class = ? AND s.device = ?
"""

_OLDEST = """
SELECT min((SELECT min(ts) FROM reading WHERE series = s.id AND ts >= ? AND ts < ?)) FROM series s
WHERE s.grp = ? AND s.class = ? AND s.device = ?
"""

_AGGREGATES = {
    Aggregate.MEAN: "avg(value), 0",
    Aggregate.MIN: "min(value), 0",
    Aggregate.MAX: "max(value), 0",
    Aggregate.LAST: "value, max(ts)",  # SQLite takes a bare column from the row that has the maximum
}

_Key = tuple[str, str, str, str]
_Row = tuple[int, int, float | None, int, str | None]
"""Series, time, value, quality, reason."""


def checkpoint_pages(volume: int) -> int:
    """How many pages the log may have before they are written to their places: 64 MiB, on a small volume (bytes) a 64th of it."""
    return max(min(_CHECKPOINT_PAGES, volume // _PART_OF_VOLUME // _PAGE_BYTES), _LEAST_PAGES)


class SqliteTelemetry:
    """The store in the file at `path`; the file and its folder are made if missing.

    Raises:
        StoreDown: The file cannot be opened, or is no database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.breaker = Breaker()
        self._lock = Lock()
        self._all: list[sqlite3.Connection] = []
        self._readers: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        """Those that nobody reads through; None stands for one that was never needed. The last given back is taken first."""
        for _ in range(MOST_READERS):
            self._readers.put(None)
        self._points: dict[tuple[str, ...], dict[str, int]] = {}
        """Ids of series by (group, class, device) and point."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreDown(f"{path}: {error}") from error
        self._writer = self._connect()
        with _telling(path):
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = FULL")
            self._writer.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            pages = checkpoint_pages(shutil.disk_usage(path.parent).total)
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            self._writer.execute(f"PRAGMA journal_size_limit = {pages * _PAGE_BYTES}")
            self._writer.executescript(_SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        with _telling(self._path):
            # Autocommit: transactions are opened by hand. Checked for threads by the lock, so that close() may close all.
            connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        self._all.append(connection)
        return connection

    def _read(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        self.breaker.check()
        with self._reader() as connection, _telling(self._path):
            rows: list[Any] = connection.execute(sql, parameters).fetchall()
        return rows

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._readers.get(timeout=_WAIT_S)
        except queue.Empty:
            raise StoreDown(f"{self._path}: {MOST_READERS} others read at once, and none came to an end in {_WAIT_S:.0f} s") from None
        try:
            connection = connection or self._connect()
            yield connection
        finally:
            self._readers.put(connection)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, _telling(self._path):
            self._writer.execute("BEGIN IMMEDIATE")
            done = False
            try:
                yield
                self._writer.execute("COMMIT")
                done = True
            finally:
                if not done:
                    self._points.clear()  # they may name series that are taken back
                    if self._writer.in_transaction:  # on a full disk SQLite has taken it back itself
                        self._writer.execute("ROLLBACK")

    def _id(self, key: _Key) -> int:
        self._writer.execute("INSERT OR IGNORE INTO series(grp, class, device, point) VALUES (?, ?, ?, ?)", key)
        found: int = self._writer.execute(f"SELECT {_ID}", key).fetchone()[0]
        return found

    def write(self, batch: Sequence[Line]) -> list[Refused]:
        """See `Telemetry.write`."""
        refused: list[Refused] = []
        rows: list[_Row] = []
        suspect: list[tuple[int, int, float]] = []
        with self._transaction():
            for line in batch:
                if isinstance(line, Polled) and self._known(line):
                    ids, at = self._points.get(line[:3], {}), line.at
                    rows += [(ids[point], at, value, _GOOD, None) for point, value in line.values.items()]
                    continue
                for stored in single((line,)):
                    self._take(stored, rows, suspect, refused)
            rows.sort(key=_place)  # neighbours in the tree are then written together
            self._writer.executemany(_UPSERT, rows)
            self._writer.executemany(_DOUBTFUL, suspect)
        return refused

    def _known(self, line: Polled) -> bool:
        """Whether its series are known and time and values can be stored; a sum that overflows only sends them the longer way."""
        known = self._points.get(line[:3], {}).keys() >= line.values.keys()
        return known and -MAX_MS <= line.at <= MAX_MS and isfinite(sum(line.values.values()))

    def _take(self, stored: Stored, rows: list[_Row], suspect: list[tuple[int, int, float]], refused: list[Refused]) -> None:
        group, device_class, reading = stored
        ids = self._points.setdefault((group, device_class, reading.device), {})
        fault = value_fault(reading)
        if not fault and reading.point not in ids:
            fault = series_fault(group, device_class, reading.device, reading.point)
            if not fault:
                ids[reading.point] = self._id((group, device_class, reading.device, reading.point))
        if fault:
            refused.append(Refused(stored, fault))
            return
        # A driver's 64-bit count as an int may be more than SQLite's integers hold.
        value = None if reading.value is None else float(reading.value)
        rows.append((ids[reading.point], reading.at, value, reading.quality, reading.reason or None))
        if value is not None and reading.quality is Quality.SUSPECT:
            suspect.append((ids[reading.point], reading.at, value))

    def write_figures(self, measurement: str, rows: Iterable[Figures]) -> None:
        """See `Telemetry.write_figures`."""
        lines, of, tags = [], None, ""
        for row in rows:
            if fault := figures_fault(measurement, row):
                raise FiguresError(fault)
            if row.tags is not of:  # neighbours mostly have the same
                of, tags = row.tags, _tags(row.tags)
            lines += [(measurement, tags, row.at, name, value) for name, value in row.fields.items()]
        with self._transaction():
            self._writer.executemany(_FIGURE, lines)

    def forget_figures(self, measurement: str, tags: Mapping[str, str], start: int, end: int) -> bool:
        """See `Telemetry.forget_figures`."""
        sql = "DELETE FROM figure WHERE measurement = ? AND tags = ? AND ts >= ? AND ts < ?"
        with self._transaction():
            self._writer.execute(sql, (measurement, _tags(tags), start, end))
        return True

    def latest(self, group: str, device_class: str, device: str) -> dict[str, Reading]:
        """See `Telemetry.latest`."""
        rows = self._read(_LATEST, (group, device_class, device))
        return {point: Reading(device, point, value, at, Quality(quality), why or "") for point, at, value, quality, why in rows}

    def series(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, most: int | None = None
    ) -> list[Reading]:
        """See `Telemetry.series`."""
        sql = f"SELECT ts, value, quality, reason FROM reading WHERE series = {_ID} AND ts >= ? AND ts < ? ORDER BY ts LIMIT ?"  # noqa: S608
        rows = self._read(sql, (group, device_class, device, point, start, end, -1 if most is None else most))
        return [Reading(device, point, value, at, Quality(quality), why or "") for at, value, quality, why in rows]

    def windows(
        self, group: str, device_class: str, device: str, point: str, start: int, end: int, edges: Sequence[int], aggregate: Aggregate
    ) -> list[Sample]:
        """See `Telemetry.windows`."""
        sql = (
            f"SELECT (ts - ?) / ? AS number, {_AGGREGATES[aggregate]} FROM reading "  # noqa: S608 - texts of our own
            f"WHERE series = {_ID} AND ts >= ? AND ts < ? AND quality = {_GOOD} GROUP BY number ORDER BY number"
        )
        found: list[Sample] = []
        for run in equal_runs(edges):
            within = (max(start, run.first), min(end, run.end))
            rows = self._read(sql, (run.first, run.width, group, device_class, device, point, *within))
            found += [(run.first + number * run.width, value) for number, value, _ in rows]
        return found

    def counter_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.counter_samples`."""
        sql = f"SELECT ts, value FROM reading WHERE series = {_ID} AND quality = {_GOOD} AND "  # noqa: S608 - texts of our own
        key = (group, device_class, device, point)
        before = self._read(sql + "ts < ? ORDER BY ts DESC LIMIT 1", (*key, start))
        within = self._read(sql + "ts >= ? AND ts < ? ORDER BY ts", (*key, start, end))
        after = self._read(sql + "ts >= ? ORDER BY ts LIMIT 1", (*key, end))
        return [*before, *within, *after]

    def doubtful_samples(self, group: str, device_class: str, device: str, point: str, start: int, end: int) -> list[Sample]:
        """See `Telemetry.doubtful_samples`. What an earlier version stored stands in `reading` alone."""
        within = (group, device_class, device, point, start, end)
        sql = "SELECT ts, value FROM {} WHERE series = {} AND ts >= ? AND ts < ?"
        old = self._read(sql.format("reading", _ID) + f" AND quality = {_SUSPECT} AND value IS NOT NULL", within)
        return sorted((dict(old) | dict(self._read(sql.format("doubtful", _ID), within))).items())

    def oldest(self, group: str, device_class: str, device: str, start: int, end: int) -> int | None:
        """See `Telemetry.oldest`."""
        rows: list[tuple[int | None]] = self._read(_OLDEST, (start, end, group, device_class, device))
        return rows[0][0]

    def count(self, group: str, device_class: str, device: str, point: str) -> int:
        """See `Telemetry.count`."""
        rows = self._read(f"SELECT count(*) FROM reading WHERE series = {_ID}", (group, device_class, device, point))  # noqa: S608
        return int(rows[0][0])

    def forget(self, group: str, device_class: str, device: str, times: Mapping[str, Collection[int]]) -> int:
        """See `Telemetry.forget`."""
        gone = 0
        with self._transaction():
            for point, of_point in times.items():
                found = self._writer.execute(f"SELECT {_ID}", (group, device_class, device, point)).fetchone()
                rows = [(found[0], at) for at in sorted(of_point)]
                gone += max(self._writer.executemany("DELETE FROM reading WHERE series = ? AND ts = ?", rows).rowcount, 0)
                self._writer.executemany("DELETE FROM doubtful WHERE series = ? AND ts = ?", rows)
        return gone

    def ping(self) -> None:
        """See `Telemetry.ping`."""
        with _telling(self._path), closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=rw", uri=True, timeout=_WAIT_S)) as own:
            own.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # not one of the readers, who may all be busy

    def try_write(self, at: int) -> None:
        """See `Telemetry.try_write`."""
        self.write_figures(CHECK, [check_figure(at)])

    def close(self) -> None:
        """See `Telemetry.close`."""
        with self._lock:
            for connection in self._all:
                connection.close()


def _tags(tags: Mapping[str, str]) -> str:
    return json.dumps({name: tags[name] for name in sorted(tags) if tags[name]}, ensure_ascii=False)


def _place(row: _Row) -> tuple[int, int]:
    return row[0], row[1]


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn SQLite's errors (locked, full disk, broken file, closed) into the one that callers of any backend handle."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreDown(f"{path}: {error}") from error
