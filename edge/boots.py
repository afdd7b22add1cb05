"""Rows that wait for a date, by hand: a person may know when their boot began, or that nobody needs them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from contract.clock import EARLIEST, iso, moment
from edge.outbox import dating
from edge.outbox.outbox import Outbox
from edge.outbox.rows import count_lost, readings, select
from edge.timekeeping import boot_id

_PAGE = 2000
_WAITING = (
    "SELECT boot, count(*), min(at) FILTER (WHERE at < ?), max(at) FILTER (WHERE at < ?) FROM row WHERE boot IS NOT NULL GROUP BY boot"
)


@dataclass(frozen=True, slots=True)
class Boot:
    """A boot whose rows wait for a date.

    Attributes:
        id: As the kernel gave it.
        rows: How many wait.
        first: When the gateway read the first of them, ms after the start; None where each has a time from its device.
        last: As `first`, of the last of them.
        shown: What the kernel's clock showed at the start, ms since 1970; nobody vouches for it. None where that was not noted.
    """

    id: str
    rows: int
    first: int | None
    last: int | None
    shown: int | None

    def line(self) -> str:
        """What is known of it, for people."""
        read = ""
        if self.first is not None and self.last is not None:
            read = f", read {self.first / 1000:.0f} s to {self.last / 1000:.0f} s after its start"
        shown = "" if self.shown is None else f"; the machine's clock, which was not synchronised, showed {iso(self.shown)} at the start"
        return f"{self.id}: {self.rows} rows{read}{shown}"


def waiting(db: sqlite3.Connection) -> list[Boot]:
    """The boots whose rows wait for a date.

    Raises:
        sqlite3.Error: The outbox cannot be read.
    """
    shown = dating.shown(db)
    found = db.execute(_WAITING, (EARLIEST, EARLIEST)).fetchall()
    return [Boot(boot, rows, first, last, shown.get(boot)) for boot, rows, first, last in found]


def date(outbox: Outbox, boot: str, began: str, now: int) -> int:
    """Give the rows of a boot their time, by when it began (RFC 3339 with a zone); returns how many have one now.

    Raises:
        ValueError: No row of this boot waits, the time cannot be right, or it is the present boot: what a person knows of its begin would
            stand for all its later rows too.
        sqlite3.Error: The outbox refuses it.
    """
    found = _found(outbox, boot)
    if boot == boot_id():
        raise ValueError(f"expected an earlier boot, got the present one, {boot}: its rows get their date when the gateway knows the time")
    try:
        offset = moment(began)
    except ValueError as error:
        raise ValueError(f"BEGAN: {error}, got {began!r}") from None
    if offset + (found.last or 0) > now:
        raise ValueError(f"expected when the boot began, so that its rows are not of the future, got {began!r}")
    return dating.date(outbox, boot, offset)


def drop(outbox: Outbox, boot: str) -> int:
    """Give up the rows of a boot that wait, and count their readings as lost; returns how many rows they were.

    Raises:
        ValueError: No row of this boot waits.
        sqlite3.Error: The outbox refuses it.
    """
    total = rows = _found(outbox, boot).rows
    while rows > 0:
        with outbox.transaction() as db:
            page = select(db, "boot = ? LIMIT ?", (boot, _PAGE))
            count_lost(db, sum(readings(row.body) for row in page))
            db.executemany("DELETE FROM row WHERE seq = ?", [(row.seq,) for row in page])
        rows -= len(page) or rows
    return total


def _found(outbox: Outbox, boot: str) -> Boot:
    with outbox.transaction() as db:
        boots = waiting(db)
    for found in boots:
        if found.id == boot:
            return found
    raise ValueError(f"no row waits for the date of a boot {boot!r}")
