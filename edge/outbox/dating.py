"""Dates for rows that were read before their boot's clock was set."""

from __future__ import annotations

import sqlite3
import zlib

from contract import sparkplug
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Stored, checksum, select, whole

_BOOT = "boot "
"""Before a boot's id, in the keys of `meta`. Such notes stay: rows of that boot may still be taken over from a damaged file."""
_DATED = "dated "
"""Before a boot's id, in the keys of the notes by which offset its rows got their date. Whatever comes later of that boot, such as out of a
damaged file, gets its date by the same one: what was sent already is sent again as it was then, and the cloud has it once."""
_PAGE = 2000
_FIRST_PLAIN = 10**12
"""The least that a note without a checksum says, as they were once written: 2001. A shorter one lost its end."""


def date(outbox: Outbox, boot: str, offset: int) -> int:
    """Give rows of this boot their time, now that the clock is set: `offset` (ms) is added; returns how many.

    Where rows of this boot were given one before, it is the offset of then that is added, in every outbox that followed.
    What a device dated itself has its time already; only when it was taken over is now known. Each page of rows is one transaction,
    so that polls need not wait for days of them, and a row that has its date is none of this boot any more.
    """
    total, found = 0, _PAGE
    while found == _PAGE:
        with outbox.transaction() as db:
            found = _page(db, boot, offset)
        total += found
    return total


def _page(db: sqlite3.Connection, boot: str, offset: int) -> int:
    """Inside a transaction: give so many rows of a boot their time; by the offset that others of them were given, if there were any."""
    found = select(db, "boot = ? LIMIT ?", (boot, _PAGE))
    if found:
        offset = _settled(db, boot, offset)
        db.executemany("UPDATE row SET at = ?, body = ?, crc = ?, boot = NULL WHERE seq = ?", [_dated(row, offset) for row in found])
    return len(found)


def _settled(db: sqlite3.Connection, boot: str, offset: int) -> int:
    """The offset by which rows of a boot get their date: the first one, which is noted."""
    key = _DATED + boot
    found = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    first = None if found is None else noted(key, found[0])
    if first is not None:
        return first
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, _note(key, offset)))
    return offset


def date_noted(outbox: Outbox) -> int:
    """Date rows of boots of which others have their date, by the same offset; returns how many.

    They were taken over from a damaged file, or a power cut came between two pages.
    """
    with outbox.transaction() as db:
        offsets = _notes(db, _DATED)
    return sum(date(outbox, boot, offset) for boot, offset in offsets.items())


def _dated(row: Stored, offset: int) -> tuple[int, bytes, int, int]:
    """Time, body and checksum of a row with its date, and its position."""
    payload = sparkplug.decode(row.body)
    own = sparkplug.set_taken(payload, offset)
    if not own:
        for metric in payload.metrics:
            metric.timestamp += offset
    at, body = row.at if own else row.at + offset, payload.SerializeToString()
    return at, body, checksum(row.seq, row.device, at, None, body), row.seq


def note_boot(outbox: Outbox, boot: str, offset: int) -> None:
    """Remember what the kernel's clock showed in a boot whose rows wait: UTC minus monotonic, ms. Nobody believes it yet."""
    key = _BOOT + boot
    with outbox.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, _note(key, offset)))


def noted(key: str, note: object) -> int | None:
    """The offset of a boot, by the key and text of a note of it; None for another note and for a damaged one."""
    number, _, checked = str(note).partition(" ")
    offset = whole(number)
    if offset is None or not key.startswith((_BOOT, _DATED)):
        return None
    return offset if (checked == str(_sum(key, offset)) if checked else key.startswith(_BOOT) and offset >= _FIRST_PLAIN) else None


def shown(db: sqlite3.Connection) -> dict[str, int]:
    """What the kernel's clock showed at the start of boots whose rows waited, ms since 1970, as far as it was noted."""
    return _notes(db, _BOOT)


def _notes(db: sqlite3.Connection, kind: str) -> dict[str, int]:
    """The offsets that are noted of boots and not damaged."""
    notes = db.execute("SELECT CAST(key AS TEXT), value FROM meta WHERE key LIKE ?", (kind + "%",)).fetchall()
    found = {key.removeprefix(kind): noted(key, value) for key, value in notes}
    return {boot: offset for boot, offset in found.items() if offset is not None}


def _note(key: str, offset: int) -> str:
    return f"{offset} {_sum(key, offset)}"


def _sum(key: str, offset: int) -> int:
    return zlib.crc32(f"{key} {offset}".encode())


def date_trusted(outbox: Outbox, boot: str, offset: int) -> int:
    """Date what waits, since somebody trusts the clock: rows of this boot and of earlier ones, by what it showed then.

    Args:
        outbox: Where rows may wait.
        boot: This one.
        offset: UTC minus monotonic of this boot, ms.

    Returns:
        How many rows have a date now; of a boot of which nothing is remembered, or of which the note is damaged, they go on waiting.
    """
    with outbox.transaction() as db:
        offsets = shown(db) | {boot: offset}
    return sum(date(outbox, name, found) for name, found in offsets.items())
