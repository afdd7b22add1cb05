"""Slaves on a serial line that takes as long as its baud rate says: a pseudo-terminal has none by itself.

One thread is the whole line: it hears a request, lets as much time go by as its characters take, and gives the answer character by
character. What is asked while a slave is still busy waits, as it would behind a serial server. Each answer carries the number of its
request, so that a reader can tell whether a value is the answer to what was asked last.
"""

from __future__ import annotations

import os
import random
import select
import struct
import threading
import time
import tty
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

BITS = 10
"""A character: start bit, eight bits, stop bit."""
_READ = struct.Struct(">BBHH2s")
_LOOK_EVERY = 0.1
_TABLE = [0] * 256
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = (_value >> 1) ^ 0xA001 if _value & 1 else _value >> 1
    _TABLE[_byte] = _value

Registers = Callable[[int, int, int], Sequence[int]]
"""(unit, number of the request to this unit, how many registers from address 0) to what a slave holds then."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One read as the line had it.

    Attributes:
        unit: Unit id.
        number: Counted for each unit, from 0.
        address: First register.
        count: Registers.
        at: When its last character had come, seconds since 1970.
        late: Whether its answer came late.
        characters: Of the request and its answer.
    """

    unit: int
    number: int
    address: int
    count: int
    at: float
    late: bool
    characters: int


class PacedLine(threading.Thread):
    """The far end of a serial line with slaves at these unit ids; `port` is the near end."""

    def __init__(self, units: Sequence[int], registers: Registers, baud: int = 9600, *, late: float = 0.0, by: float = 0.0) -> None:
        """A share `late` of all answers, chosen on a seed, begins `by` seconds after its request; all others begin at once."""
        super().__init__(name="paced-line", daemon=True)
        self._units, self._registers, self._late, self._by = frozenset(units), registers, late, by
        self._chance = random.Random(7)  # noqa: S311 (which answers are late, no secret)
        self._near, self._far = os.openpty()
        tty.setraw(self._near)
        tty.setraw(self._far)
        self.port = os.ttyname(self._far)
        self.character = BITS / baud
        self.asked: list[Asked] = []
        self._count: dict[int, int] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self.join()
        os.close(self._near)
        os.close(self._far)

    def run(self) -> None:
        """Hear and answer until the block ends."""
        heard = b""
        while not self._over.is_set():
            if not select.select([self._near], [], [], _LOOK_EVERY)[0]:
                continue
            came = time.monotonic()
            heard += os.read(self._near, 1024)
            while len(heard) >= _READ.size:
                request, heard = heard[: _READ.size], heard[_READ.size :]
                came = self._answer(request, came + _READ.size * self.character)

    def _answer(self, request: bytes, ended: float) -> float:
        """Answer a request whose last character came then; returns when the line is free again."""
        unit, function, address, count, checksum = _READ.unpack(request)
        if unit not in self._units or function != 3 or _crc(request[:-2]) != checksum:  # noqa: PLR2004 (read holding registers)
            return ended
        _until(ended)
        number = self._count.get(unit, 0)
        self._count[unit] = number + 1
        late = self._chance.random() < self._late
        body = struct.pack(f">{count}H", *self._registers(unit, number, address + count)[address:])
        answer = bytes([unit, function, len(body)]) + body
        answer += _crc(answer)
        self.asked.append(Asked(unit, number, address, count, time.time(), late, len(request) + len(answer)))
        begins = ended + (self._by if late else 0.0)
        for place in range(len(answer)):
            _until(begins + (place + 1) * self.character)
            os.write(self._near, answer[place : place + 1])
        return begins + len(answer) * self.character


def _until(when: float) -> None:
    if (left := when - time.monotonic()) > 0:
        time.sleep(left)


def _crc(data: bytes) -> bytes:
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")
