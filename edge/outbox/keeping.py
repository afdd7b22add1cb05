"""How long rows stay: packed by the hour after their acknowledgement, and what goes first when the disk is full."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator
from itertools import groupby

import structlog

from contract import sparkplug
from edge.outbox.outbox import Kept, Outbox, never_thinned

log = structlog.get_logger()
HOUR = 3_600_000
DAY = 24 * HOUR
THINNED = 15 * 60_000
"""Gauges that cannot be sent for a day are thinned to one row in this time (ms)."""
_PAGE = 2000
_PACKS_AT_ONCE = 24
_HEAD = struct.Struct(">qqHI")
_GONE_FIRST = 0.9
"""Share of the limit down to which room is made."""


def tidy(outbox: Outbox, now: int, retain_days: float, max_bytes: int) -> None:
    """Pack, forget what is older than its time, and make room if there is too little.

    Args:
        outbox: What to tidy.
        now: ms since 1970.
        retain_days: How long acknowledged rows are kept; the sub-metering guide asks 30 days.
        max_bytes: What the outbox may use.
    """
    pack(outbox, now // HOUR * HOUR)
    with outbox.transaction() as db:
        db.execute("DELETE FROM pack WHERE last_at < ?", (now - int(retain_days * DAY),))
    _make_room(outbox, now, max_bytes)


def pack(outbox: Outbox, before: int) -> int:
    """Pack acknowledged rows measured before a time, an hour a pack; returns how many rows that were."""
    total = 0
    while True:
        with outbox.transaction() as db:
            found = db.execute(
                "SELECT seq, device, at, body FROM row WHERE acknowledged = 1 AND at < ? ORDER BY at, seq LIMIT ?", (before, _PAGE)
            ).fetchall()
            for _, rows in groupby((Kept(*row) for row in found), key=lambda r: r.at // HOUR):
                _write_pack(db, list(rows))
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
    """The rows of a pack."""
    data = zlib.decompress(body)
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
    with outbox.transaction() as db:
        number = db.execute("UPDATE row SET acknowledged = 0 WHERE acknowledged = 1 AND at >= ? AND at < ?", (start, end)).rowcount
        packs = [seq for (seq,) in db.execute("SELECT first_seq FROM pack WHERE last_at >= ? AND first_at < ?", (start, end))]
    for first_seq in packs:
        with outbox.transaction() as db:
            found = db.execute("SELECT body FROM pack WHERE first_seq = ?", (first_seq,)).fetchone()
            if found is None:
                continue  # forgotten meanwhile, its days were over
            rows = [(r.seq, r.device, r.at, _keep(r.body), int(not start <= r.at < end), r.body) for r in unpack(found[0])]
            db.executemany("INSERT INTO row (seq, device, at, keep, acknowledged, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("DELETE FROM pack WHERE first_seq = ?", (first_seq,))
        number += sum(not acknowledged for *_, acknowledged, _ in rows)
    return number


def _keep(body: bytes) -> int:
    """Whether a packed row may be thinned, as when it was committed."""
    metrics = sparkplug.decode(body).metrics
    return never_thinned([m.name for m in metrics if m.HasField("double_value")], texts=any(m.HasField("string_value") for m in metrics))


def _make_room(outbox: Outbox, now: int, max_bytes: int) -> None:
    """Packed acknowledged rows go first, then old gauges are thinned, then gauges are no longer taken."""
    while outbox.used_bytes() > max_bytes:
        with outbox.transaction() as db:
            gone = db.execute(
                "DELETE FROM pack WHERE first_seq IN (SELECT first_seq FROM pack ORDER BY last_at LIMIT ?)", (_PACKS_AT_ONCE,)
            ).rowcount
        if not gone:
            break
    if outbox.used_bytes() > max_bytes:
        thinned = _thin(outbox, now - DAY)
        if thinned:
            log.error("outbox full: gauges thinned", rows=thinned)
    full = outbox.used_bytes() > max_bytes * (_GONE_FIRST if outbox.full else 1.0)
    if full != outbox.full:
        log.error("outbox full: gauges are no longer taken" if full else "outbox has room again")
    outbox.full = full


def _thin(outbox: Outbox, before: int) -> int:
    """Keep the first row of gauges of each device and quarter of an hour; the others are lost, and counted."""
    with outbox.transaction() as db:
        found = db.execute(
            "SELECT seq, body FROM row AS r WHERE acknowledged = 0 AND boot IS NULL AND keep = 0 AND at < ? AND seq NOT IN ("
            " SELECT min(seq) FROM row WHERE acknowledged = 0 AND boot IS NULL AND keep = 0 AND at < ? GROUP BY device, at / ?)",
            (before, before, THINNED),
        ).fetchall()
        outbox.count_lost(sum(len(sparkplug.decode(body).metrics) for _, body in found))
        db.executemany("DELETE FROM row WHERE seq = ?", [(seq,) for seq, _ in found])
    return len(found)


def date(outbox: Outbox, boot: str, offset: int) -> int:
    """Give rows of this boot their time, now that the clock is set: `offset` (ms) is added; returns how many.

    What a device dated itself has its time already; only when it was taken over is now known.
    """
    with outbox.transaction() as db:
        found = db.execute("SELECT seq, at, body FROM row WHERE boot = ?", (boot,)).fetchall()
        rows = []
        for seq, at, body in found:
            payload = sparkplug.decode(body)
            own = sparkplug.set_taken(payload, offset)
            if not own:
                for metric in payload.metrics:
                    metric.timestamp += offset
            rows.append((at if own else at + offset, payload.SerializeToString(), seq))
        db.executemany("UPDATE row SET at = ?, body = ?, boot = NULL WHERE seq = ?", rows)
    return len(found)


def note_boot(outbox: Outbox, boot: str, offset: int) -> None:
    """Remember what the kernel's clock showed in a boot whose rows wait: UTC minus monotonic, ms. Nobody believes it yet."""
    with outbox.transaction() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_BOOT + boot, str(offset)))


def date_trusted(outbox: Outbox, boot: str, offset: int) -> int:
    """Date what waits, since somebody trusts the clock: rows of this boot and of earlier ones, by what it showed then.

    Args:
        outbox: Where rows may wait.
        boot: This one.
        offset: UTC minus monotonic of this boot, ms.

    Returns:
        How many rows have a date now; of a boot of which nothing is remembered they go on waiting.
    """
    with outbox.transaction() as db:
        known = dict(db.execute("SELECT substr(key, ?), value FROM meta WHERE key LIKE ?", (len(_BOOT) + 1, _BOOT + "%")).fetchall())
    dated = sum(date(outbox, name, int(found)) for name, found in ({**known, boot: offset}).items())
    with outbox.transaction() as db:
        db.execute("DELETE FROM meta WHERE key LIKE ?", (_BOOT + "%",))
    return dated


_BOOT = "boot "
"""Before a boot's id, in the keys of `meta`."""
