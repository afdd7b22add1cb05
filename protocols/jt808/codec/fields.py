"""The data types of JT/T 808 message bodies: big-endian numbers, BCD times and GBK text (JT/T 808-2019, clause 4.2)."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from protocols.jt808.codec.frame import Jt808Error

CHINA_HOURS = 8.0
"""All times are GMT+8, but for the platform's answer 0x8004."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_DIGITS = 12
_YEARS = range(2000, 2100)


class BodyError(Jt808Error):
    """A message body that is too short or contradicts itself, or a value that does not fit its field."""


class Reader:
    """Takes fields off the front of a body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """`size` bytes.

        Raises:
            BodyError: Fewer are left.
        """
        part = self._body[self._at : self._at + size]
        if len(part) < size:
            raise BodyError(f"body ends after {len(self._body)} bytes, {self._at + size} needed")
        self._at += size
        return part

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self._body) - self._at


def pack(layout: str, *values: int | bytes) -> bytes:
    """`struct.pack` in network order.

    Raises:
        BodyError: A value does not fit its field.
    """
    try:
        return struct.pack(f">{layout}", *values)
    except struct.error as error:
        raise BodyError(f"{values}: {error}") from error


def text(raw: bytes) -> str:
    """GBK text without the padding that terminals put before or after it; bytes that are no GBK become U+FFFD."""
    return raw.strip(b"\x00 ").decode("gbk", errors="replace")


def code(raw: bytes) -> str:
    """An authentication code: only trailing zeros are padding (the edition 2011 ends its strings with one)."""
    return raw.rstrip(b"\x00").decode("gbk", errors="replace")


def raw_text(value: str, size: int | None = None, fill: bytes = b"\x00") -> bytes:
    """GBK bytes, filled on the right up to `size` if that is given.

    Raises:
        BodyError: A character has no GBK code, or the text is too long.
    """
    try:
        raw = value.encode("gbk")
    except UnicodeEncodeError as error:
        raise BodyError(f"{value!r} has characters outside GBK") from error
    if size is None:
        return raw
    if len(raw) > size:
        raise BodyError(f"{value!r} has {len(raw)} bytes, {size} fit")
    return raw.ljust(size, fill)


def time_of(digits: str, zone_hours: float = CHINA_HOURS) -> int | None:
    """YYMMDDhhmmss in a zone as ms since 1970; None when it is no date, which terminals do send."""
    if len(digits) != _TIME_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    year, month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(0, _TIME_DIGITS, 2))
    try:
        local = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return (local - _EPOCH - timedelta(hours=zone_hours)) // timedelta(milliseconds=1)


def digits_of(at: int, zone_hours: float = CHINA_HOURS) -> str:
    """Ms since 1970 as YYMMDDhhmmss in a zone.

    Raises:
        BodyError: Not in the years 2000 to 2099, all that two digits can say.
    """
    try:
        local = _EPOCH + timedelta(milliseconds=at, hours=zone_hours)
    except OverflowError as error:
        raise BodyError(f"{at} ms since 1970 is no date") from error
    if local.year not in _YEARS:
        raise BodyError(f"the year {local.year} has no two digits in JT/T 808")
    return f"{local:%y%m%d%H%M%S}"


def raw_time(digits: str) -> bytes:
    """Twelve hexadecimal digits as BCD[6].

    Raises:
        BodyError: Not twelve digits.
    """
    try:
        raw = bytes.fromhex(digits)
    except ValueError as error:
        raise BodyError(f"time {digits!r} is not made of digits") from error
    if len(raw) * 2 != _TIME_DIGITS or len(digits) != _TIME_DIGITS:
        raise BodyError(f"time {digits!r} does not have {_TIME_DIGITS} digits")
    return raw
