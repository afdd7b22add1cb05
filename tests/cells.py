"""Where the records of a SQLite file lie, found without SQLite and without the product (sqlite.org/fileformat2.html, 1.6 and 2.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

PAGE = 4096
_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)
"""Bytes of a column that is null or a number, by its type."""
LEAVES = {0x0D: 2, 0x0A: 1}
"""Kinds of pages that hold the records of a table and of an index, and how many numbers stand before a record."""


def records(data: bytes) -> Iterator[tuple[int, int]]:
    """Begin and end of each record that a cell names; `data` is a number of whole pages.

    The rest of a page is room: bytes of rows that were moved to another page stay there until something is written over them.
    """
    for start in range(0, len(data) - PAGE + 1, PAGE):
        head = start + (100 if data.startswith(b"SQLite", start) else 0)
        if data[head] in LEAVES:
            (number,) = struct.unpack_from(">H", data, head + 3)
            for at in struct.unpack_from(f">{number}H", data, head + 8):
                size, place = _varint(data, start + at)
                for _ in range(LEAVES[data[head]] - 1):
                    _, place = _varint(data, place)
                yield place, place + size


def columns(record: bytes) -> list[bytes]:
    """The bytes of each column of a record that stands on one page."""
    end, at = _varint(record, 0)
    kinds = []
    while at < end:
        kind, at = _varint(record, at)
        kinds.append(kind)
    found = []
    for kind in kinds:
        size = _SIZES[kind] if kind < len(_SIZES) else (kind - 12) // 2
        found.append(record[at : at + size])
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    while True:
        number, more, at = number << 7 | data[at] & 0x7F, data[at] & 0x80, at + 1
        if not more:
            return number, at
