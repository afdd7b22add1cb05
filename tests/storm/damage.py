"""Damage to the file of an outbox, and an account of what it destroyed: all the rest must arrive."""

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from contract.clock import Clock
from edge.outbox.file import all_set_aside
from edge.outbox.pages import Pages
from simulators.stack.chaos import Fault
from tests.cells import PAGE as _PAGE
from tests.cells import columns, records
from tests.storm.accounts import Measured, measured, rows_in

_HEAD, _FRAME_HEAD = 32, 24
"""Bytes before the frames of a log, and before the page of each (sqlite.org/fileformat2.html, section 4.1)."""
_FRAME = _FRAME_HEAD + _PAGE
_COLUMNS = 8
"""Of a row: its device is the second and its body the seventh."""
_PAUSE = 6_000
"""Ms until the gateway tries once more, at most, and a little."""


class Damage:
    """What happens to one outbox.

    Attributes:
        gone: Readings that were not acknowledged and whose bytes were destroyed.
        refused: When the disk took nothing, from and until, ms: what was read then is shown to the cloud and not committed.
    """

    def __init__(self, outbox: Path, copies: Path, chance: random.Random) -> None:
        """`copies` is for what the file was before each damage, `chance` says where to hit."""
        self._outbox, self._copies, self._chance = outbox, copies, chance
        self.gone: set[Measured] = set()
        self.refused: list[tuple[int, int]] = []

    def fault(self, victim: str, kill: Callable[[], None], start: Callable[[], None]) -> Fault:
        """The machine loses power, and its card forgets something."""

        def begin() -> None:
            kill()
            self.happen()

        return Fault("the outbox is damaged", victim, begin, start)

    def shown(self, readings: set[Measured]) -> set[Measured]:
        """Those of the readings that were read while the disk took nothing."""
        return {one for one in readings if any(begin <= one[2] <= end for begin, end in self.refused)}

    def committed(self) -> set[Measured]:
        """What lay in the outbox before each damage, and in the files that the gateway set aside."""
        found: set[Measured] = set()
        for copy in self._copies.glob("*.db"):
            found |= {each for device, body, _ in rows_in(copy) for each in measured(device, body)}
        for aside in all_set_aside(self._outbox):
            with Pages(aside) as pages:
                rows = [row for page in range(1, pages.number + 1) for row in pages.rows(page) if row.boot is None]
            found |= {each for row in rows for each in measured(row.device, row.body)}
        return found

    def remembering(self, fault: Fault) -> Fault:
        """A disk that takes nothing, so that the gateway may let go of what the cloud has: what lay in the outbox is kept first."""
        began: list[int] = []

        def begin() -> None:
            copy = self._next_copy()
            with (
                suppress(sqlite3.DatabaseError),
                closing(sqlite3.connect(self._outbox)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
            began.append(Clock().now_ms())
            fault.begin()

        def end() -> None:
            fault.end()
            self.refused.append((began.pop(), Clock().now_ms() + _PAUSE))

        return replace(fault, begin=begin, end=end)

    def _next_copy(self) -> Path:
        self._copies.mkdir(exist_ok=True)
        return self._copies / f"{len(list(self._copies.glob('*.db')))}.db"

    def happen(self) -> None:
        """Damage the file, which no process has open, and note what that destroyed."""
        if not self._outbox.exists():
            return
        copy = self._next_copy()
        for end in ("", "-wal"):  # as files: SQLite would merge the log
            if (path := _beside(self._outbox, end)).exists():
                shutil.copyfile(path, _beside(copy, end))
        waiting = [(device, body) for device, body, acknowledged in rows_in(copy) if not acknowledged]
        self._chance.choice([self._first_bytes, self._page, self._log])(waiting)
        destroyed = _rows(copy) - _rows(self._outbox)
        for device, body in waiting:
            if (device.encode(), body) in destroyed:
                self.gone |= measured(device, body)

    def _first_bytes(self, _waiting: list[tuple[str, bytes]]) -> None:
        """The file's own head, by which SQLite knows it."""
        with self._outbox.open("r+b") as file:
            file.write(bytes(100))

    def _page(self, waiting: list[tuple[str, bytes]]) -> None:
        """A page with a row that still has to be sent, if one is in the file."""
        content = self._outbox.read_bytes()
        places = [at for _, body in waiting if (at := content.find(body)) >= _PAGE]
        if not places:
            self._first_bytes(waiting)
            return
        with self._outbox.open("r+b") as file:
            file.seek(self._chance.choice(places) // _PAGE * _PAGE)
            file.write(bytes(1) + self._chance.randbytes(_PAGE - 1))  # no kind of page begins with 0

    def _log(self, waiting: list[tuple[str, bytes]]) -> None:
        """The end of the log that was not merged yet."""
        log = _beside(self._outbox, "-wal")
        size = log.stat().st_size if log.exists() else 0
        if size <= _HEAD:
            self._first_bytes(waiting)
            return
        with log.open("r+b") as file:
            file.truncate(self._chance.randrange(size))


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


def _rows(database: Path) -> set[tuple[bytes, bytes]]:
    """Device and body of each row that can be found in a file and its log. Devices of one kind may have equal bodies."""
    log = _beside(database, "-wal")
    pages = [database.read_bytes(), *_pages(log.read_bytes() if log.exists() else b"")]
    found = (columns(page[begin:end]) for page in pages for begin, end in records(page))
    return {(row[1], row[6]) for row in found if len(row) == _COLUMNS}


def _pages(log: bytes) -> Iterator[bytes]:
    """The last image of each page that was committed to a log."""
    salt = log[16:24]
    waiting: dict[int, bytes] = {}
    found: dict[int, bytes] = {}
    for at in range(_HEAD, len(log) - _FRAME + 1, _FRAME):
        number, committed = struct.unpack(">II", log[at : at + 8])
        if log[at + 8 : at + 16] != salt:
            break
        waiting[number] = log[at + _FRAME_HEAD : at + _FRAME]
        if committed:
            found |= waiting
            waiting = {}
    yield from found.values()
