"""SQLite's write-ahead log, read without SQLite: which pages it holds, and whether a part of it is damaged.

Its format: https://www.sqlite.org/fileformat2.html, section 4. SQLite believes a log up to the first frame whose checksum is wrong
and says nothing of what was committed behind it.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

PAGE = 4096
"""Bytes of a page: SQLite's own choice since 2016, which outboxes never changed."""
_HEADER, _FRAME_HEADER = 32, 24
Order = Literal["little", "big"]
Sums = tuple[int, int]
_ORDERS: dict[bytes, Order] = {b"\x37\x7f\x06\x82": "little", b"\x37\x7f\x06\x83": "big"}
"""In which order of bytes checksums are counted, by how the log begins."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One page in the log.

    Attributes:
        number: Its place in the order of writing, from 0.
        page: The page's number, from 1.
        place: Where its image begins in the log.
        ends: Whether a transaction ends with it.
    """

    number: int
    page: int
    place: int
    ends: bool


def beside(path: Path) -> Path:
    """The log of a database."""
    return path.with_name(path.name + "-wal")


def opened(path: Path) -> BinaryIO | None:
    """A file to read from; None for none."""
    return path.open("rb", buffering=0) if path.exists() else None


def length(file: BinaryIO | None) -> int:
    """Its bytes."""
    return 0 if file is None else file.seek(0, 2)


def read(file: BinaryIO | None, place: int, size: int) -> bytes:
    """What can be read there; a bad block of the disk is as good as overwritten."""
    if file is None:
        return b""
    try:
        file.seek(place)
        return file.read(size)
    except OSError:
        return b""


def committed(log: BinaryIO | None) -> Iterator[Frame]:
    """The frames of the present round, in the order of writing, up to the last end of a transaction; checksums are not looked at."""
    waiting: list[Frame] = []
    for frame in _present(log):
        waiting.append(frame)
        if frame.ends:
            yield from waiting
            waiting.clear()


def damaged(path: Path) -> bool:
    """Whether something was committed to the log of a database that SQLite will not read from it.

    The last transaction may be torn: a power cut ended its fsync, so nobody was told that it is committed. Each is synced before the
    next one begins, so a torn one that has another one behind it was committed, and is damaged.

    Raises:
        OSError: The log cannot be opened.
    """
    with _log_of(path) as log:
        ends = [frame.number for frame in _present(log) if frame.ends]
        start = _start(read(log, 0, _HEADER))
        if start is None:
            return bool(ends)  # SQLite believes nothing of it; the header is synced before the first frame is written
        order, sums = start
        believed = _believed(log, order, sums)
        return any(_follows(log, order, number + 1) for number in ends if number >= believed)


def read_by_sqlite(path: Path) -> bool:
    """Whether SQLite takes anything from the log of a database: a transaction whose frames are all as they were written.

    Raises:
        OSError: The log cannot be opened.
    """
    with _log_of(path) as log:
        start = _start(read(log, 0, _HEADER))
        believed = 0 if start is None else _believed(log, *start)
        return any(frame.ends and frame.number < believed for frame in _present(log))


def _log_of(path: Path) -> AbstractContextManager[BinaryIO | None]:
    """The log of a database, closed afterwards; None where there is none, which is read as an empty one."""
    return opened(beside(path)) or nullcontext()


def _present(log: BinaryIO | None) -> list[Frame]:
    """The frames of the present round: those with the salts of the header.

    The frames of the round before stay behind the present ones. They are all in the database already, also where a process died when
    only the header of the new round was written. Where the header is damaged, the first frames say which round it is.
    """
    header = read(log, 0, _HEADER)
    if _start(header) is not None:
        return list(_frames(log, _salts(header)))
    candidates = [_salts(header), *(read(log, _place(number) + 8, 8) for number in (0, 1))]  # one bad block covers header and first frame
    return max((list(_frames(log, salts)) for salts in candidates), key=len)


def _salts(header: bytes) -> bytes:
    return header[16:24]


def _place(number: int) -> int:
    return _HEADER + number * (_FRAME_HEADER + PAGE)


def _frames(log: BinaryIO | None, salts: bytes) -> Iterator[Frame]:
    for number in range((length(log) - _HEADER) // (_FRAME_HEADER + PAGE)):
        head = read(log, _place(number), _FRAME_HEADER)
        if len(head) == _FRAME_HEADER and head[8:16] == salts:
            page, pages_then = struct.unpack_from(">II", head)
            yield Frame(number, page, _place(number) + _FRAME_HEADER, pages_then > 0)


def _start(header: bytes) -> tuple[Order, Sums] | None:
    """In which order of bytes checksums are counted, and that of the header; None where the header is not as it was written."""
    if len(header) < _HEADER:
        return None
    order = _ORDERS.get(header[:4])
    if order is None:
        return None
    sums = _sum(header[:24], order, (0, 0))
    return (order, sums) if sums == struct.unpack_from(">II", header, 24) else None


def _believed(log: BinaryIO | None, order: Order, sums: Sums) -> int:
    """How many frames from the first on SQLite believes, after a header with these sums."""
    salts, number = read(log, 16, 8), 0
    while True:
        frame = read(log, _place(number), _FRAME_HEADER + PAGE)
        if len(frame) < _FRAME_HEADER + PAGE or frame[8:16] != salts:
            return number
        sums = _sum(frame[:8] + frame[_FRAME_HEADER:], order, sums)
        if sums != struct.unpack_from(">II", frame, 16):
            return number
        number += 1


def _follows(log: BinaryIO | None, order: Order, number: int) -> bool:
    """Whether a frame was written behind the one that now stands before it; what an earlier power cut left over was not."""
    before = read(log, _place(number - 1) + 16, 8)
    frame = read(log, _place(number), _FRAME_HEADER + PAGE)
    if len(before) < 8 or len(frame) < _FRAME_HEADER + PAGE:  # noqa: PLR2004 (two sums)
        return False
    first, second = struct.unpack(">II", before)
    return _sum(frame[:8] + frame[_FRAME_HEADER:], order, (first, second)) == struct.unpack_from(">II", frame, 16)


def _sum(data: bytes, order: Order, sums: Sums) -> Sums:
    words = array("I", data)
    if order != sys.byteorder:
        words.byteswap()
    first, second = sums
    pairs = iter(words)
    for even, odd in zip(pairs, pairs, strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
