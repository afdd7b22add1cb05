"""A row as it lies on disk, and the check by which damage to it is found."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import structlog

from contract import sparkplug

log = structlog.get_logger()

COLUMNS = "seq, device, at, keep, acknowledged, boot, body, crc"
"""Of the table `row`, in its order."""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT})
"""Codes that say that the file is damaged. A number that is given twice can only come from that."""
_UNREADABLE = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})


class DamagedError(sqlite3.DatabaseError):
    """What was read is not what was written."""


class Kept(NamedTuple):
    """A committed row: its position, device, time of measurement (ms) and encoded body."""

    seq: int
    device: str
    at: int
    body: bytes


class Stored(NamedTuple):
    """A row with all that the file says of it; `boot` names the boot from whose start `at` counts, None once the row has its date."""

    seq: int
    device: str
    at: int
    keep: int
    acknowledged: int
    boot: str | None
    body: bytes

    @property
    def kept(self) -> Kept:
        """What is sent."""
        return Kept(self.seq, self.device, self.at, self.body)


def checksum(seq: int, device: str, at: int, boot: str | None, body: bytes) -> int:
    """CRC-32 over all that a row says; SQLite has no check of its own."""
    return zlib.crc32(body, zlib.crc32(f"{seq} {at} {boot} {device}".encode()))


def verified(columns: Sequence[object]) -> Stored:
    """A row from its columns, as in `COLUMNS`.

    A row from before there was a checksum (version 1 of the file) is believed if its body can be read and has the row's time.

    Raises:
        DamagedError: It is not what was committed.
    """
    match columns:
        case [int(seq), str(device), int(at), int(keep), int(acknowledged), str() | None as boot, bytes(body), int() | None as crc]:
            if crc == checksum(seq, device, at, boot, body) or (crc is None and _plausible(at, body)):
                return Stored(seq, device, at, keep, acknowledged, boot, body)
    raise DamagedError(f"row {columns[0]!r} is not what was committed")


def _plausible(at: int, body: bytes) -> bool:
    try:
        payload = sparkplug.decode(body)
    except sparkplug.PayloadError:
        return False
    return any(metric.timestamp == at for metric in payload.metrics)


def select(db: sqlite3.Connection, condition: str, parameters: Sequence[object] = ()) -> list[Stored]:
    """The rows for which an SQL condition holds.

    Raises:
        DamagedError: One of them is not what was committed.
    """
    return [verified(columns) for columns in db.execute(f"SELECT {COLUMNS} FROM row WHERE {condition}", parameters)]  # noqa: S608 (ours)


class Unsent:
    """Rows of an outbox that was taken away which are not acknowledged, as far as they can be read; one pass over them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Nothing is read yet."""
        self._db = db
        self.damaged = 0
        """How many of those read so far are not what was committed."""

    def __iter__(self) -> Iterator[Stored]:
        """In the order of their positions; what is missing is told at the end."""
        reason = ""
        try:
            for columns in self._db.execute(f"SELECT {COLUMNS} FROM row WHERE acknowledged = 0 ORDER BY seq"):  # noqa: S608 (ours)
                try:
                    row = verified(columns)
                except DamagedError as error:
                    self.damaged, reason = self.damaged + 1, str(error)
                else:
                    yield row
        except sqlite3.Error as error:  # how many are behind it is not known
            reason = str(error)
        if reason:
            log.warning("rows of an outbox that was taken away are lost", reason=reason, damaged=self.damaged)


def readings(body: bytes) -> int:
    """How many readings a row has, as `len(row.values)` said when it was read.

    What else stands in a body is none: what could not be read, a text, and when a row that its device dated was taken over.
    """
    return sum(metric.HasField("double_value") for metric in sparkplug.decode(body).metrics)


def count_lost(db: sqlite3.Connection, readings: int) -> None:
    """Inside a transaction: so many readings are gone for ever."""
    if readings:
        db.execute(
            "INSERT INTO meta VALUES ('lost', ?) ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + excluded.value",
            (str(readings),),
        )


def counted_lost(db: sqlite3.Connection) -> int:
    """Readings that are gone for ever, as far as they are counted on disk.

    Raises:
        DamagedError: What stands there is no number.
    """
    found = db.execute("SELECT value FROM meta WHERE key = 'lost'").fetchone()
    number = whole(found[0]) if found else 0
    if number is None:
        raise DamagedError(f"what was lost is {found[0]!r:.40}")
    return number


def insert(db: sqlite3.Connection, rows: Iterable[Stored]) -> int:
    """Put rows in at their positions; returns how many."""
    values = (
        (r.seq, r.device, r.at, r.keep, r.acknowledged, r.boot, r.body, checksum(r.seq, r.device, r.at, r.boot, r.body)) for r in rows
    )
    return db.executemany(f"INSERT INTO row ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).rowcount  # noqa: S608 (ours)


def whole(note: object) -> int | None:
    """The number that a note holds, from 0 to 2^42 (in ms since 1970 the year 2109); None where it is damaged or there is none."""
    try:
        number = int(str(note))
    except ValueError:
        return None
    return number if 0 <= number < 1 << 42 else None


def damaged(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is damaged, which no waiting mends."""
    code = getattr(error, "sqlite_errorcode", 0)
    return isinstance(error, DamagedError) or code & 0xFF in _DAMAGE or code in _UNREADABLE


def full(error: sqlite3.Error) -> bool:
    """Whether an error says that there is no room on the disk."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
