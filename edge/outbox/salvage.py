"""What a damaged outbox still holds goes into the new one."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from edge.outbox import file
from edge.outbox.dating import noted
from edge.outbox.outbox import Outbox
from edge.outbox.pages import Pages
from edge.outbox.positions import Positions
from edge.outbox.retention import unpack, with_room
from edge.outbox.rows import DamagedError, Stored, whole

log = structlog.get_logger()
_TOGETHER = 64
"""Pages in one transaction."""
_ALL = "all"
_SALVAGED = "salvaged "
"""Before the name of a damaged file, in the notes of how far it was taken over."""
_COUNTED = "counted "
"""Before the name of a damaged file whose losses are in those of a later one, which is damaged too."""


def salvage(outbox: Outbox) -> int:
    """Take over the rows of all files set aside that were not acknowledged, go on where an earlier call ended; returns how many.

    They keep value, time and device and get positions of their own; a row that the cloud has already is stored there once all the same.
    What the file noted of boots whose rows wait for a date, and how much was lost, is taken over too.

    Raises:
        sqlite3.Error: The outbox refuses them; the next call goes on there.
    """
    return sum(_salvage(outbox, path) for path in reversed(file.all_set_aside(outbox.path)))  # a newer one says what it had of older ones


def _salvage(outbox: Outbox, path: Path) -> int:
    key = _SALVAGED + path.name
    done = outbox.note(key)
    if done == _ALL:
        return 0
    number = 0
    try:
        with Pages(path) as pages:
            settled = outbox.settled.get(path)
            if settled is None:
                settled = outbox.settled[path] = _settled(pages)
            for first in range((whole(done) or 0) + 1, pages.number + 1, _TOGETHER):
                last = min(first + _TOGETHER - 1, pages.number)
                rows = [row for page in range(first, last + 1) for row in pages.rows(page) if _goes_over(row, settled)]
                found = {name: value for page in range(first, last + 1) for name, value in pages.notes(page)}
                lost = 0 if outbox.note(_COUNTED + path.name) else whole(found.get("lost")) or 0
                with_room(outbox, partial(outbox.adopt, rows, key, str(last), _kept(found), lost))
                number += len(rows)
    except OSError as error:
        log.warning("damaged outbox not read", file=str(path), reason=error.strerror)
        return number
    outbox.adopt([], key, _ALL)
    outbox.settled.pop(path, None)
    log.info("damaged outbox read", file=str(path), rows=number)
    return number


def _goes_over(row: Stored, settled: Positions) -> bool:
    """Rows that are not acknowledged; an image of one without its date only if it got none later.

    An image that is not acknowledged goes over though another one is: it may have been recalled, and the cloud has it once all the same.
    """
    return not row.acknowledged and (row.boot is None or row.seq not in settled)


def _settled(pages: Pages) -> Positions:
    """The positions of rows that have their date or are acknowledged in any image, or are in a pack, if any row has no date.

    To be dated makes a row longer, so it moves to another page, and its page of before may lie in the file for long.
    """
    found, waiting = Positions(), False
    for page in range(1, pages.number + 1):
        for row in pages.rows(page):
            if row.boot is None or row.acknowledged:
                found.add(row.seq)
            else:
                waiting = True
    if waiting:
        for body in (body for page in range(1, pages.number + 1) for body in pages.packs(page)):
            with suppress(DamagedError, struct.error, UnicodeDecodeError):
                for kept in unpack(body):
                    found.add(kept.seq)
    return found


def _kept(notes: Mapping[str, str]) -> dict[str, str]:
    """What goes into the new outbox of the notes of a damaged one."""
    boots = {key: value for key, value in notes.items() if noted(key, value) is not None}
    counted = {key: value for key, value in notes.items() if key.startswith(_COUNTED)}
    salvaged = {
        _COUNTED + key.removeprefix(_SALVAGED): value for key, value in notes.items() if key.startswith(_SALVAGED) and value == _ALL
    }
    return boots | counted | salvaged
