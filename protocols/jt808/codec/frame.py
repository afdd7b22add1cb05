"""Frames of JT/T 808: delimiters, escaping, check byte and header of the editions 2011, 2013 and 2019 (JT/T 808-2019, clause 4.4).

The editions 2011 and 2013 share one header, so a frame's version is 2013 or 2019, by attribute bit 14.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor
from typing import Final, Literal

Version = Literal[2013, 2019]
V2013: Final = 2013
V2019: Final = 2019

LONGEST_BODY = 1023
"""The length has ten bits."""
LONGEST_PENDING = 8192
"""A frame has at most 2090 bytes on the wire; whoever sends more without a delimiter does not speak this protocol."""

_DELIMITER = b"\x7e"
_ESCAPE = 0x7D
_UNESCAPED = {1: 0x7D, 2: 0x7E}
_LENGTH_BITS = 0x03FF
_PACKAGED = 1 << 13
_EDITION_2019 = 1 << 14
_MARKS = 0x9C00
_ENCRYPTION = 0x1C00
_MOST_PACKAGES = 0xFFFF
_PHONE_BYTES: dict[Version, int] = {V2013: 6, V2019: 10}


class Jt808Error(ValueError):
    """Bytes, or values to be made bytes, that JT/T 808 does not allow."""


class FrameError(Jt808Error):
    """A frame that cannot be trusted: the connection stays open, the frame is dropped and counted.

    Attributes:
        reason: Why, in words.
        raw: The bytes between the delimiters, at most `LONGEST_PENDING`.
    """

    def __init__(self, reason: str, raw: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, or one package of a long one.

    Attributes:
        msg_id: Message id.
        phone: The identity as raw hexadecimal digits, 12 or 20 of them; real terminals also send letters here.
        seq: The sender's sequence number, 0 to 65535.
        version: Edition of the header; replies use the same.
        body: At most 1023 bytes, but for a message put together by `Reassembler`.
        package_total: Number of packages; 0 when the message is not packaged.
        package_number: From 1; 0 when the message is not packaged.
        protocol: Protocol version byte of a 2019 header.
        marks: Attribute bits 10 to 12 (encryption) and 15 (reserved), as sent.
    """

    msg_id: int
    phone: str
    seq: int
    version: Version
    body: bytes = b""
    package_total: int = 0
    package_number: int = 0
    protocol: int = 1
    marks: int = 0

    @property
    def encrypted(self) -> bool:
        """Whether the body cannot be read without a key (bits 10 to 12)."""
        return bool(self.marks & _ENCRYPTION)


def encode(frame: Frame) -> bytes:
    """The frame as on the wire, with both delimiters.

    A phone with fewer digits is padded with zeros on the left (clause 4.4.3).

    Raises:
        FrameError: A field does not fit the header.
    """
    if len(frame.body) > LONGEST_BODY:
        raise FrameError(f"body of {len(frame.body)} bytes; at most {LONGEST_BODY} fit one frame, see split_message")
    packaged = frame.package_total > 0
    if frame.marks & ~_MARKS:
        raise FrameError(f"marks 0x{frame.marks:04X} set attribute bits that have a field of their own")
    attributes = len(frame.body) | frame.marks | (_PACKAGED if packaged else 0) | (_EDITION_2019 if frame.version == V2019 else 0)
    try:
        head = struct.pack(">HH", frame.msg_id, attributes) + _phone_field(frame) + struct.pack(">H", frame.seq)
        if packaged:
            head += struct.pack(">HH", frame.package_total, frame.package_number)
    except struct.error as error:
        raise FrameError(f"header of 0x{frame.msg_id:04X}: {error}") from error
    plain = head + frame.body
    return _DELIMITER + _escape(plain + bytes([reduce(xor, plain, 0)])) + _DELIMITER


def _phone_field(frame: Frame) -> bytes:
    size = _PHONE_BYTES[frame.version]
    try:
        digits = bytes.fromhex(frame.phone.zfill(2 * size))
    except ValueError as error:
        raise FrameError(f"phone {frame.phone!r} is not made of hexadecimal digits") from error
    if len(digits) != size or any(c.isspace() for c in frame.phone):
        raise FrameError(f"phone {frame.phone!r} does not have the {2 * size} digits of a {frame.version} header")
    return (struct.pack(">B", frame.protocol) if frame.version == V2019 else b"") + digits


def decode(wire: bytes) -> Frame:
    """One whole frame with its delimiters.

    Raises:
        FrameError: Not one frame, or one that fails its check byte or its length.
    """
    if len(wire) < 2 * len(_DELIMITER) or wire[:1] != _DELIMITER or wire[-1:] != _DELIMITER:
        raise FrameError("no delimiter at both ends", wire[:LONGEST_PENDING])
    return _parse(wire[1:-1])


def _parse(token: bytes) -> Frame:
    """What stood between two delimiters, as a frame (clause 4.4.2: unescape, check, then parse)."""
    plain = _unescape(token)
    if reduce(xor, plain, 0):
        raise FrameError("check byte differs", token)
    try:
        frame, length = _header(plain)
    except struct.error as error:
        raise FrameError(f"{len(plain)} bytes are too few for a header", token) from error
    if length != len(frame.body):
        raise FrameError(f"header says {length} bytes of body, {len(frame.body)} came", token)
    if frame.package_total and not 1 <= frame.package_number <= frame.package_total:
        raise FrameError(f"package {frame.package_number} of {frame.package_total}", token)
    return frame


def _header(plain: bytes) -> tuple[Frame, int]:
    """The frame, and the body length that its header claims; `plain` still ends in its check byte."""
    msg_id, attributes = struct.unpack_from(">HH", plain)
    version: Version = V2019 if attributes & _EDITION_2019 else V2013
    offset = 4
    protocol = 1
    if version == V2019:
        (protocol,) = struct.unpack_from(">B", plain, offset)
        offset += 1
    size = _PHONE_BYTES[version]
    phone, seq = struct.unpack_from(f">{size}sH", plain, offset)
    offset += size + 2
    total = number = 0
    if attributes & _PACKAGED:
        total, number = struct.unpack_from(">HH", plain, offset)
        offset += 4
        if total == 0:
            raise FrameError("package of a message of 0 packages", plain)
    if len(plain) <= offset:
        raise FrameError(f"{len(plain)} bytes are too few for a header", plain)
    body = plain[offset:-1]
    return Frame(msg_id, phone.hex(), seq, version, body, total, number, protocol, attributes & _MARKS), attributes & _LENGTH_BITS


def _escape(plain: bytes) -> bytes:
    # 7D first: it is the mark that the second replacement introduces.
    return plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def _unescape(token: bytes) -> bytes:
    first, *others = token.split(bytes([_ESCAPE]))
    plain = bytearray(first)
    for part in others:
        restored = _UNESCAPED.get(part[0]) if part else None
        if restored is None:
            raise FrameError("7D is followed by neither 01 nor 02", token)
        plain.append(restored)
        plain += part[1:]
    return bytes(plain)


class Splitter:
    """Cuts a stream into frames, however it arrives.

    Every 7E ends one frame and may begin the next: some terminals share one delimiter between two frames, and after a
    broken frame the next 7E is always a place to start again. What is no frame becomes a `FrameError`, never an exception.
    """

    def __init__(self, longest: int = LONGEST_PENDING) -> None:
        self._longest = longest
        self._pending = bytearray()
        self._begun = False
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame | FrameError]:
        """The frames and errors that `data` completes, in order."""
        found: list[Frame | FrameError] = []
        first, *others = data.split(_DELIMITER)
        self._append(first, found)
        for part in others:
            self._end(found)
            self._append(part, found)
        return found

    def _append(self, part: bytes, found: list[Frame | FrameError]) -> None:
        if self._skipping:
            return
        self._pending += part[: self._longest + 1 - len(self._pending)]
        if len(self._pending) > self._longest:
            found.append(FrameError(f"no delimiter within {self._longest} bytes", bytes(self._pending[: self._longest])))
            self._pending.clear()
            self._skipping = True

    def _end(self, found: list[Frame | FrameError]) -> None:
        token = bytes(self._pending)
        self._pending.clear()
        if token and not self._begun:
            found.append(FrameError("bytes before the first delimiter", token))
        elif token:
            try:
                found.append(_parse(token))
            except FrameError as error:
                found.append(error)
        self._begun = True
        self._skipping = False


def split_message(frame: Frame, longest: int = LONGEST_BODY) -> list[Frame]:
    """A message of any length as the frames that carry it, with consecutive sequence numbers (clause 4.4.3).

    Raises:
        FrameError: More than 65535 packages would be needed.
    """
    if len(frame.body) <= longest:
        return [frame]
    parts = [frame.body[at : at + longest] for at in range(0, len(frame.body), longest)]
    if len(parts) > _MOST_PACKAGES:
        raise FrameError(f"{len(parts)} packages; at most {_MOST_PACKAGES} can be numbered")
    return [
        replace(frame, seq=(frame.seq + index) & 0xFFFF, body=part, package_total=len(parts), package_number=index + 1)
        for index, part in enumerate(parts)
    ]
