"""A set of positions of rows: a bit each, since they lie close together and there may be tens of millions of them."""

from __future__ import annotations

_BITS = 16
"""A block holds 2 to the power of this many positions, in 8 kB."""


class Positions:
    """Positions that were put in."""

    def __init__(self) -> None:
        """None yet."""
        self._blocks: dict[int, bytearray] = {}

    def add(self, seq: int) -> None:
        """Put one in."""
        block = self._blocks.get(seq >> _BITS)
        if block is None:
            block = self._blocks[seq >> _BITS] = bytearray(1 << _BITS >> 3)
        within = seq & (1 << _BITS) - 1
        block[within >> 3] |= 1 << (within & 7)

    def __contains__(self, seq: int) -> bool:
        block = self._blocks.get(seq >> _BITS)
        within = seq & (1 << _BITS) - 1
        return block is not None and bool(block[within >> 3] >> (within & 7) & 1)

    @property
    def size(self) -> int:
        """Bytes that they take."""
        return sum(map(len, self._blocks.values()))
