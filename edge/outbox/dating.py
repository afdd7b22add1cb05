"""Dates for rows that were read before their boot's clock was set."""

from __future__ import annotations

import zlib

from contract import sparkplug
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Stored, checksum, select, whole

_BOOT = "boot "
"""Before a boot's id, in the keys of `meta`. Such notes stay: rows of that boot may still be taken over from a damaged file."""
_PAGE = 2000
_FIRST_PLAIN = 10**12
"""The least that a note without a checksum says, as they were once written: 2001. A shorter one lost its end."""


def date(outbox: Outbox, boot: str, offset: int) -> int:
    """Give rows of this boot their time, now that the clock is set: `offset` (ms) is added; returns how many.

    What a device dated itself has its time already; only when it was taken over is now known. Each page of rows is one transaction,
    so that polls need not wait for days of them, and a row that has its date is none of this boot any more.
    """
    total = 0
    while True:
        with outbox.transaction() as db:
            found = select(db, "boot = ? LIMIT ?", (boot, _PAGE))
            db.executemany("UPDATE row SET at = ?, body = ?, crc = ?, boot = NULL WHERE seq = ?", [_dated(row, offset) for row in found])
        total += len(found)
        if len(found) < _PAGE:
            return total


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
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, f"{offset} {_sum(key, offset)}"))


def noted(key: str, note: object) -> int | None:
    """What the kernel's clock showed in a boot, by the key and text of its note; None for another note and for a damaged one."""
    number, _, checked = str(note).partition(" ")
    offset = whole(number)
    if offset is None or not key.startswith(_BOOT):
        return None
    return offset if (checked == str(_sum(key, offset)) if checked else offset >= _FIRST_PLAIN) else None


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
        notes = db.execute("SELECT CAST(key AS TEXT), value FROM meta WHERE key LIKE ?", (_BOOT + "%",)).fetchall()
    offsets = {key.removeprefix(_BOOT): noted(key, value) for key, value in notes} | {boot: offset}
    return sum(date(outbox, name, found) for name, found in offsets.items() if found is not None)
