"""What a device has measured and not yet been thanked for: sampled on a grid, kept in order, given back when a link breaks."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.clock import Clock
from protocols.stage import Sayings

M = TypeVar("M")

MOST = 20_000
"""Messages kept; two days of a car that reports every ten seconds."""


@dataclass(frozen=True, slots=True)
class Said(Generic[M]):
    """One message of a device.

    Attributes:
        device: Its id.
        at: Time of measurement, ms since 1970.
        values: What a reader of the message must understand, in the points' units.
        message: As it goes on the wire.
    """

    device: str
    at: int
    values: dict[str, float]
    message: M


class Memory(Generic[M]):
    """A device's own storage; the oldest message goes when it is full."""

    def __init__(self, journal: Sayings, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._kept: deque[Said[M]] = deque()
        self.any = asyncio.Event()
        """Set while something waits."""
        self.lost = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, said: Said[M]) -> None:
        """Keep a message, and journal it as not yet acknowledged."""
        self._kept.append(said)
        self._journal.said(said.device, said.at, said.values, None)
        if len(self._kept) > MOST:
            self._kept.popleft()
            self.lost += 1
        self.any.set()

    def take(self, most: int) -> list[Said[M]]:
        """The oldest messages; whoever takes them calls `thanked` or `give_back`."""
        taken = [self._kept.popleft() for _ in range(min(most, len(self._kept)))]
        if not self._kept:
            self.any.clear()
        return taken

    def give_back(self, taken: list[Said[M]]) -> None:
        """They were not acknowledged."""
        self._kept.extendleft(reversed(taken))
        if self._kept:
            self.any.set()

    def thanked(self, taken: list[Said[M]]) -> None:
        """They were acknowledged, and are forgotten."""
        now = self._clock.now_ms()
        for said in taken:
            self._journal.said(said.device, said.at, said.values, now)


_SOON = 5000
"""Ms after its start within which a device measures first."""


async def grid(clock: Clock, device: str, interval: float, step_ms: int = 1) -> AsyncIterator[int]:
    """The times at which a device measures, each when it has come; devices do not all measure at the same moment.

    A device speaks soon after it is switched on, then on its own grid.

    Args:
        clock: The time of all parts.
        device: Its id, which shifts its grid.
        interval: Seconds between two measurements.
        step_ms: What the device's message can tell apart; no two times are in the same step.
    """
    every = max(int(interval * 1000), step_ms)
    shift = zlib.crc32(device.encode()) % every
    due = clock.now_ms() + shift % min(every, _SOON)
    while True:
        await asyncio.sleep(max(clock.real_seconds((due - clock.now_ms()) / 1000), 0.0))
        yield due // step_ms * step_ms
        last, due = due, (due - shift) // every * every + shift + every
        due += every if due // step_ms == last // step_ms else 0
