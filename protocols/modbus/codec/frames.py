"""Modbus frames on the wire: RTU with its checksum (over Serial Line V1.02), TCP with its header (Messaging on TCP/IP V1.0b); pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

_BITS = frozenset({1, 2})
READS = frozenset({1, 2, 3, 4})
_ECHOED = frozenset({5, 6, 15, 16})
"""Writes, whose answers repeat the address."""
_REFUSED = 0x80
_HEAD = struct.Struct(">HHHBB")
_LONGEST = 254
"""Bytes of unit id and PDU behind the header of TCP."""
_SHORT_REFUSAL = 2
"""Some devices leave the exception code out of the length they state."""


class Shape(NamedTuple):
    """What tells two answers of one slave apart when nothing else does.

    Attributes:
        function: Modbus function code.
        size: Of a read the registers, or bytes of bits, that come back; of a write the address that is echoed.
    """

    function: int
    size: int

    def __str__(self) -> str:
        """For a reason that people read."""
        if self.size < 0:
            return f"an answer of no right length by function {self.function}"
        if self.function in _BITS:
            return f"{self.size} bytes of bits by function {self.function}"
        if self.function in READS:
            return f"{self.size} registers by function {self.function}"
        return f"function {self.function} at {self.size}"


class Frame(NamedTuple):
    """An answer as it stood on the wire.

    Attributes:
        unit: Who says it is answering.
        function: Function code, without the bit of an exception.
        body: What follows the function code.
        refused: Whether it is an exception.
        tid: Transaction id; 0 on RTU.
    """

    unit: int
    function: int
    body: bytes
    refused: bool
    tid: int = 0

    @property
    def code(self) -> int:
        """The exception code; 0 where there is none."""
        return self.body[0] if self.refused and self.body else 0

    @property
    def shape(self) -> Shape:
        """Of an answer that is no exception; a size of -1 fits nothing."""
        if self.function in _ECHOED and len(self.body) == 4:  # noqa: PLR2004 (address and value)
            return Shape(self.function, int.from_bytes(self.body[:2], "big"))
        if self.function in READS and self.body and len(self.body) == 1 + self.body[0]:
            size, rest = divmod(self.body[0], 1 if self.function in _BITS else 2)
            return Shape(self.function, -1 if rest else size)
        return Shape(self.function, -1)


def shape_of_read(function: int, count: int) -> Shape:
    """Of the answer to a read of so many registers or bits."""
    return Shape(function, (count + 7) // 8 if function in _BITS else count)


def awaited(shape: Shape, unit: int) -> bytes:
    """How the answer of this shape begins on RTU."""
    if shape.function in READS:
        return bytes([unit, shape.function, shape.size if shape.function in _BITS else 2 * shape.size])
    return bytes([unit, shape.function]) + shape.size.to_bytes(2, "big")


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        found.append(crc)
    return tuple(found)


_CRC = _table()


def crc(data: bytes | bytearray) -> bytes:
    """The checksum that ends an RTU frame, low byte first."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _CRC[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


def rtu(unit: int, pdu: bytes) -> bytes:
    """A PDU as a frame of RTU."""
    body = bytes([unit]) + pdu
    return body + crc(body)


def tcp(tid: int, unit: int, pdu: bytes) -> bytes:
    """A PDU as a frame of TCP."""
    return struct.pack(">HHHB", tid, 0, len(pdu) + 1, unit) + pdu


def take_tcp(received: bytearray) -> Frame | None:
    """The next frame, cut out of what was received; None until it is whole. What cannot be a frame is thrown away."""
    if len(received) < _HEAD.size:
        return None
    tid, protocol, length, unit, function = _HEAD.unpack_from(received)
    if protocol or not _SHORT_REFUSAL <= length <= _LONGEST:
        received.clear()
        return None
    end = 6 + length
    if length == _SHORT_REFUSAL and len(received) == end + 1:
        end += 1
    if len(received) < end:
        return None
    body = bytes(received[_HEAD.size : end])
    del received[:end]
    return Frame(unit, function & ~_REFUSED, body, bool(function & _REFUSED), tid)


def take_rtu(received: bytearray, begins: bytes = b"") -> Frame | None:
    """The next frame with a good checksum, cut out of what was received together with the noise before it.

    Noise may look like the beginning of a long frame, so a frame that is not whole hides none behind it, unless it begins as the
    awaited one does: of that one the data is still coming, and no frame is looked for inside of it.
    """
    for at in range(len(received) - 3):
        end = at + _length(received, at)
        if end == at:
            continue
        if end > len(received):
            if begins and received.startswith(begins, at):
                return None
            continue
        if crc(received[at : end - 2]) == received[end - 2 : end]:
            unit, function = received[at], received[at + 1]
            body = bytes(received[at + 2 : end - 2])
            del received[:end]
            return Frame(unit, function & ~_REFUSED, body, bool(function & _REFUSED))
    return None


def _length(received: bytearray, at: int) -> int:
    """Bytes of the frame that begins there; 0 where none can."""
    function = received[at + 1]
    if function & _REFUSED:
        return 5 if function & ~_REFUSED in READS | _ECHOED else 0
    if function in READS:
        return 5 + received[at + 2] if received[at + 2] else 0
    return 8 if function in _ECHOED else 0
