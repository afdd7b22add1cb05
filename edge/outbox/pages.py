"""Rows of a damaged outbox, read page by page without SQLite, which gives up where a page that leads to others is damaged.

The format is that of https://www.sqlite.org/fileformat2.html, sections 1.6 (table leaf pages) and 2.1 (records);
`.recover` of the `sqlite3` shell reads a file in the same way, but Python's module does not have it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.outbox import wal
from edge.outbox.rows import DamagedError, Stored, verified
from edge.outbox.wal import PAGE

_LEAF = 0x0D
_FILE_HEADER = 100
_LARGEST = PAGE - 35
"""Bytes of a record that stand on its page; of a larger one at least `_SMALLEST` do, the rest is on overflow pages."""
_SMALLEST = (PAGE - 12) * 32 // 255 - 23
_LONGEST = 4 * 1024 * 1024
"""Bytes of a record: more than may be on its way to the cloud at once was never sent."""
_NUMBERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of a whole number by its serial type."""
_NULL, _ZERO, _ONE, _BLOB = 0, 8, 9, 12
_FEW = 4
"""Records on the page that says the greatest position: one a table with such positions."""
_COLUMNS = (7, 8)
"""Of a row in version 1 and 2 of the outbox."""


class Pages:
    """What the pages of a database hold, in its file and in its log, as far as that was committed.

    The image of a page in the log is the newer one, unless the log lost its end after it was written into the file.
    """

    def __init__(self, path: Path) -> None:
        """Open what is there of the file and of its log.

        Raises:
            OSError: It cannot be read.
        """
        self._file, self._log = wal.opened(path), wal.opened(wal.beside(path))
        frames = list(wal.committed(self._log))
        most = wal.length(self._file) // PAGE + len(frames)  # a damaged frame may name any page
        self._frames = {frame.page: frame.place for frame in frames if frame.page <= most}
        self.number = max(wal.length(self._file) // PAGE, *self._frames, 0)
        """How many pages there are."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        for each in (self._file, self._log):
            if each is not None:
                each.close()

    def rows(self, page: int) -> list[Stored]:
        """Those rows of a page (from 1) that are as they were committed, each once; none of a page that holds something else.

        A row that was acknowledged or has its date in one of the two images is so: dated anew it could be another reading.
        """
        found: dict[int, Stored] = {}
        for log in (False, True):
            for seq, columns in self._records(page, log=log):
                if len(columns) in _COLUMNS:
                    with suppress(DamagedError):
                        row = verified([seq, *columns[1:], *([None] * (max(_COLUMNS) - len(columns)))])
                        if seq not in found or _progress(row) >= _progress(found[seq]):
                            found[seq] = row
        return list(found.values())

    def notes(self, page: int) -> Iterator[tuple[str, str]]:
        """The keys and values of the table `meta` on a page, the log's last; they have no checksum."""
        for log in (False, True):
            for _, columns in self._records(page, log=log):
                match columns:
                    case [str(key), str(value)]:
                        yield key, value

    def packs(self, page: int) -> Iterator[bytes]:
        """The bodies of the packs on a page."""
        for log in (False, True):
            for _, columns in self._records(page, log=log):
                match columns:
                    case [_, int(), int(), int(), bytes(body)]:
                        yield body

    def log_is_older(self) -> bool:
        """Whether the file has rows behind all that the log knows of: SQLite would take the log's older pages, and hide them.

        The greatest position that was ever given stands on one page (sqlite.org/autoinc.html) and only rises.
        """
        return any(self._greatest(page, log=False) > self._greatest(page, log=True) > 0 for page in self._frames)

    def _greatest(self, page: int, *, log: bool) -> int:
        for _, columns in self._records(page, log=log, most=_FEW):
            match columns:
                case ["row", int(greatest)]:
                    return greatest
        return 0

    def _records(self, page: int, *, log: bool, most: int = PAGE) -> Iterator[tuple[int, list[object]]]:
        """Row id and columns of what a page of a table holds; nothing where there are more than `most`."""
        data = self._image(page, log=log)
        start = _FILE_HEADER if page == 1 else 0
        if len(data) < PAGE or data[start] != _LEAF:
            return
        (cells,) = struct.unpack_from(">H", data, start + 3)
        if cells > most:
            return
        for place in range(start + 8, min(start + 8 + 2 * cells, PAGE - 1), 2):
            (at,) = struct.unpack_from(">H", data, place)
            try:
                yield self._record(data, at, log=log)
            except (DamagedError, IndexError, struct.error):
                continue

    def _record(self, data: bytes, at: int, *, log: bool) -> tuple[int, list[object]]:
        size, at = _varint(data, at)
        seq, at = _varint(data, at)
        if size > _LONGEST:
            raise DamagedError("no row is so long")
        local = size if size <= _LARGEST else _SMALLEST + (size - _SMALLEST) % (PAGE - 4)
        local = local if local <= _LARGEST else _SMALLEST
        record = data[at : at + local]
        if size > local:
            (page,) = struct.unpack_from(">I", data, at + local)
            record += self._overflow(page, size - local, log=log)
        return seq, _columns(record)

    def _overflow(self, page: int, size: int, *, log: bool) -> bytes:
        parts: list[bytes] = []
        while size > 0 and 0 < page <= self.number and len(parts) <= self.number:
            data = self._image(page, log=log and page in self._frames)
            (page,) = struct.unpack_from(">I", data)
            parts.append(data[4 : 4 + size])
            size -= PAGE - 4
        return b"".join(parts)

    def _image(self, page: int, *, log: bool) -> bytes:
        """A page as the log or the file has it; empty where that has none or cannot be read."""
        if not log:
            return wal.read(self._file, (page - 1) * PAGE, PAGE)
        return wal.read(self._log, self._frames[page], PAGE) if page in self._frames else b""


def _progress(row: Stored) -> tuple[int, bool]:
    """How far a row had come; of two images the one that was further is the newer."""
    return row.acknowledged, row.boot is None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next thing begins."""
    number = 0
    for place in range(at, at + 8):
        number = number << 7 | data[place] & 0x7F
        if data[place] < 0x80:  # noqa: PLR2004 (the highest bit says that more follows)
            return number, place + 1
    return number << 8 | data[at + 8], at + 9


def _columns(data: bytes) -> list[object]:
    """The columns of a record: numbers, texts, blobs and null."""
    end, at = _varint(data, 0)
    kinds = []
    while at < end:
        kind, at = _varint(data, at)
        kinds.append(kind)
    columns: list[object] = []
    at = end
    for kind in kinds:
        value, at = _column(data, at, kind)
        columns.append(value)
    return columns


def _column(data: bytes, at: int, kind: int) -> tuple[object, int]:
    if kind in _NUMBERS:
        end = at + _NUMBERS[kind]
        return int.from_bytes(data[at:end], "big", signed=True), end
    if kind >= _BLOB:
        end = at + (kind - _BLOB) // 2
        return (data[at:end].decode("utf-8", "replace") if kind % 2 else data[at:end]), end
    return {_NULL: None, _ZERO: 0, _ONE: 1}.get(kind), at
