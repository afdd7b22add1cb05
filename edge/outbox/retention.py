"""How long rows stay: packed by the hour after their acknowledgement, and what goes first when the disk is full."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import TypeVar

import structlog

from contract import sparkplug
from edge.outbox.outbox import Outbox, never_thinned
from edge.outbox.rows import DamagedError, Kept, Stored, count_lost, full, insert, readings, select

log = structlog.get_logger()
T = TypeVar("T")
HOUR = 3_600_000
DAY = 24 * HOUR
THINNED = 15 * 60_000
"""Gauges that cannot be sent for a day are thinned to one row in this time (ms)."""
_PAGE = 2000
_MOST_ROOM = 64
"""How often room is made for one piece of work."""
_HARDLY_ANY = 16
"""Pages of the log that are not worth another attempt."""
_PACKS_AT_ONCE = 24
_MOST_LOOKS = 80
"""Lots of so many packs that are looked at in one tidying; the next goes on behind them."""
_PACKS = "SELECT first_seq, {chosen} FROM pack WHERE first_seq > ? ORDER BY first_seq LIMIT ?"
_DROP_PACKS = "DELETE FROM pack WHERE first_seq IN (SELECT first_seq FROM pack ORDER BY first_seq LIMIT ?)"
_DROP_ROWS = "DELETE FROM row WHERE seq IN (SELECT seq FROM row WHERE acknowledged = 1 ORDER BY at LIMIT ?)"
_ACKNOWLEDGED = "SELECT at, seq FROM row WHERE acknowledged = 1 AND at < ? AND (at, seq) > (?, ?) ORDER BY at, seq LIMIT ?"
_THINNING = (
    "SELECT seq, device, boot, at / ?, keep = 0 AND acknowledged = 0 AND {old} FROM row NOT INDEXED WHERE seq > ? ORDER BY seq LIMIT ?"
)
"""The next rows, what they are thinned by, and whether they are thinned at all."""
_OLD = "boot IS NULL AND at < ?"
_OLD_IN_BOOT = "? AND (boot IS NOT ? OR at < ?)"
MOST_FIRSTS = 100_000
"""Rows that stayed, which are remembered while others are looked at: some 20 MB."""
Condition = tuple[str, tuple[object, ...]]
"""In SQL, and its parameters."""
_HEAD = struct.Struct(">qqHI")
_GONE_FIRST = 0.9
"""Share of the limit down to which room is made."""


def enforce(outbox: Outbox, now: int, retain_days: float, max_bytes: int, *, boot: str | None = None) -> None:
    """Pack, forget what is older than its time, and make room if there is too little.

    Args:
        outbox: Whose rows.
        now: ms since 1970; while the clock is not yet set, ms since the boot.
        retain_days: How long acknowledged rows are kept; the sub-metering guide asks 30 days.
        max_bytes: What the outbox may use.
        boot: Given while the clock is not yet set: how old a row of another boot is, and one with a date, is not known then. Nothing is
            packed or forgotten, and such a row counts as older than a day once the boot itself is.
    """
    if boot is not None:
        _make_room(outbox, (_OLD_IN_BOOT, (now >= DAY, boot, now - DAY)), max_bytes)
        return
    with_room(outbox, partial(_forget, outbox, now - int(retain_days * DAY)))
    with_room(outbox, partial(pack, outbox, now // HOUR * HOUR))
    _forget(outbox, now - int(retain_days * DAY))
    _make_room(outbox, (_OLD, (now - DAY,)), max_bytes)


def _forget(outbox: Outbox, before: int) -> None:
    """Packs lie in the order of their positions and are looked at in turn: an index by time would have to be made from all of them."""
    for _ in range(_MOST_LOOKS):
        with outbox.transaction() as db:
            page = db.execute(_PACKS.format(chosen="last_at < ?"), (before, outbox.looked_at, _PACKS_AT_ONCE)).fetchall()
            db.executemany("DELETE FROM pack WHERE first_seq = ?", [(seq,) for seq, old in page if old])
        outbox.looked_at = page[-1][0] if len(page) == _PACKS_AT_ONCE else 0
        if not outbox.looked_at:
            return


def pack(outbox: Outbox, before: int) -> int:
    """Pack acknowledged rows measured before a time, an hour a pack; returns how many rows that were."""
    total = 0
    while True:
        with outbox.transaction() as db:
            found = select(db, "acknowledged = 1 AND at < ? ORDER BY at, seq LIMIT ?", (before, _PAGE))
            for _, rows in groupby(found, key=lambda r: r.at // HOUR):
                _write_pack(db, [row.kept for row in rows])
        total += len(found)
        if len(found) < _PAGE:
            return total


def _write_pack(db: sqlite3.Connection, rows: list[Kept]) -> None:
    parts = []
    for row in rows:
        name = row.device.encode()
        parts += [_HEAD.pack(row.seq, row.at, len(name), len(row.body)), name, row.body]
    times = [row.at for row in rows]
    first = min(row.seq for row in rows)
    db.execute("INSERT INTO pack VALUES (?, ?, ?, ?, ?)", (first, min(times), max(times), len(rows), zlib.compress(b"".join(parts), 6)))
    db.executemany("DELETE FROM row WHERE seq = ?", [(row.seq,) for row in rows])


def unpack(body: bytes) -> Iterator[Kept]:
    """The rows of a pack.

    Raises:
        DamagedError: It is not what was packed; zlib has a check of its own.
    """
    try:
        data = zlib.decompress(body)
    except (zlib.error, TypeError) as error:
        raise DamagedError(f"a pack is damaged: {error}") from error
    at = 0
    while at < len(data):
        seq, measured, name_length, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name, at = data[at : at + name_length].decode(), at + name_length
        yield Kept(seq, name, measured, data[at : at + length])
        at += length


def recall(outbox: Outbox, start: int, end: int) -> int:
    """Make kept rows with `start` <= at < `end` pending again, packed ones too; returns how many.

    A pack that holds such a row is taken apart entirely: left in place, it would hold the row twice, and packing what was
    taken out would write over the rest. Each pack is one transaction, so that polls need not wait for a whole month.
    """
    number = _recall_rows(outbox, start, end)
    packs = _packs(outbox, start, end)
    for first_seq in packs:
        with outbox.transaction() as db:
            found = db.execute("SELECT body FROM pack WHERE first_seq = ?", (first_seq,)).fetchone()
            if found is None:
                continue  # forgotten meanwhile, its days were over
            rows = [Stored(r.seq, r.device, r.at, _keep(r.body), 1, None, r.body) for r in unpack(found[0])]
            wanted = [(row.seq,) for row in rows if start <= row.at < end]
            insert(db, rows)
            db.executemany("UPDATE row SET acknowledged = 0 WHERE seq = ?", wanted)
            db.execute("DELETE FROM pack WHERE first_seq = ?", (first_seq,))
        number += len(wanted)
    return number


def _recall_rows(outbox: Outbox, start: int, end: int) -> int:
    """Those that are not packed, in pages by their time: one that is acknowledged again meanwhile is behind them."""
    number, last = 0, (start, -1)
    while True:
        with outbox.transaction() as db:
            page = db.execute(_ACKNOWLEDGED, (end, *last, _PAGE)).fetchall()
            db.executemany("UPDATE row SET acknowledged = 0 WHERE seq = ?", [(seq,) for _, seq in page])
        number += len(page)
        if len(page) < _PAGE:
            return number
        last = page[-1]


def _packs(outbox: Outbox, start: int, end: int) -> list[int]:
    """Which packs may hold rows with `start` <= at < `end`."""
    found: list[int] = []
    last = 0
    while True:
        with outbox.transaction() as db:
            page = db.execute(_PACKS.format(chosen="last_at >= ? AND first_at < ?"), (start, end, last, _PACKS_AT_ONCE)).fetchall()
        found += [seq for seq, chosen in page if chosen]
        if len(page) < _PACKS_AT_ONCE:
            return found
        last = page[-1][0]


def _keep(body: bytes) -> int:
    """Whether a packed row may be thinned, as when it was committed."""
    metrics = sparkplug.decode(body).metrics
    return never_thinned([m.name for m in metrics if m.HasField("double_value")], texts=any(m.HasField("string_value") for m in metrics))


def _make_room(outbox: Outbox, old: Condition, max_bytes: int) -> None:
    """What the cloud has goes first, packed and then not, then old gauges are thinned, then gauges are no longer taken."""
    for statement, most in ((_DROP_PACKS, _PACKS_AT_ONCE), (_DROP_ROWS, _PAGE)):
        gone = 1
        while gone and outbox.used_bytes() > max_bytes:
            with outbox.transaction() as db:
                gone = db.execute(statement, (most,)).rowcount
    if outbox.used_bytes() > max_bytes:
        thinned = _thin(outbox, old)
        if thinned:
            log.error("outbox full: gauges thinned", rows=thinned)
    full = outbox.used_bytes() > max_bytes * (_GONE_FIRST if outbox.full else 1.0)
    if full != outbox.full:
        log.error("outbox full: gauges are no longer taken" if full else "outbox has room again")
    outbox.full = full


def with_room(outbox: Outbox, work: Callable[[], T]) -> T:
    """What `work` gives, which uses the outbox and is tried again as long as a full disk can be given room.

    Raises:
        sqlite3.Error: The disk is full of what may not go, or refuses for another reason.
    """
    for _ in range(_MOST_ROOM):
        try:
            return work()
        except sqlite3.Error as error:
            if not (full(error) and _give_way(outbox)):
                raise
    return work()


def _give_way(outbox: Outbox) -> bool:
    """Make room on a full disk; False when nothing is left that may go.

    First what is in SQLite's log goes into the file, so that the log has room again. Then the oldest goes of what the cloud has: its
    pages are free for new rows, also where other programs have filled the disk. Even that takes room in the log, the less the less goes.
    """
    outbox.reserve.release()
    if outbox.checkpoint() > _HARDLY_ANY:
        return True
    for statement, most in ((_DROP_PACKS, _PACKS_AT_ONCE), (_DROP_PACKS, 1), (_DROP_ROWS, _PAGE), (_DROP_ROWS, 1)):
        try:
            with outbox.transaction() as db:
                gone = db.execute(statement, (most,)).rowcount
        except sqlite3.Error as error:
            if not full(error):
                raise
        else:
            if gone:
                return True
    return False


def _thin(outbox: Outbox, old: Condition) -> int:
    """Keep the first row of old gauges of each device and quarter of an hour; the others are lost, and counted.

    Each page of rows is one transaction, so that polls need not wait for all of them. What was thinned before it ended is thinned in the
    same way by the next call: the first row stays the first.
    """
    firsts: set[tuple[object, ...]] = set()
    total, last = 0, -1
    while True:
        if len(firsts) > MOST_FIRSTS:
            firsts.clear()  # a second row of a quarter of an hour may stay then
        with outbox.transaction() as db:
            page = db.execute(_THINNING.format(old=old[0]), (THINNED, *old[1], last, _PAGE)).fetchall()
            gone = []
            for seq, *quarter, thin in page:
                if thin and tuple(quarter) in firsts:
                    gone += select(db, "seq = ?", (seq,))
                elif thin:
                    firsts.add(tuple(quarter))
            count_lost(db, sum(readings(row.body) for row in gone))
            db.executemany("DELETE FROM row WHERE seq = ?", [(row.seq,) for row in gone])
        total += len(gone)
        if len(page) < _PAGE:
            return total
        last = page[-1][0]
