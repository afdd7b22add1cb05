"""When to ask which device: one bus, one request at a time, and a dead device never holds up the others."""

from __future__ import annotations

import asyncio
import heapq
import math
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from contract.lifecycle import heed_cancellation
from contract.reading import Row
from contract.site import Device
from edge.outbox.outbox import PATIENCE
from protocols.base import BusContext, DriverError, PollingDriver
from protocols.patience import Patience

DEAD_AFTER = 3
"""Failed polls in a row after which a device counts as dead and is probed more and more rarely."""
FIRST_ROUND = 5.0
"""Seconds over which the first polls of a bus are spread, at most: after a start every device is soon known."""
LONGEST_PROBE = 60.0
"""Seconds between two probes of a dead device, at most."""

_MOST_WAITING = 60
"""Rows of a bus that may wait for a disk that does not answer; polls go on meanwhile and are shown, and what comes then is lost."""
_AHEAD = 4
"""Rows of a bus that may be on the way to a disk that answers, so that commits are large whatever order the buses fall into."""
_MOST_DOUBLINGS = 16
"""Far more than `LONGEST_PROBE` allows; a device may stay dead for years, and 2 to the power of its failures fits no float."""

OnAlive = Callable[[str, bool], Awaitable[None]]


@dataclass(slots=True)
class _Polled:
    device: Device
    failures: int = 0


def probe_interval(interval: float, failures: int) -> float:
    """Seconds between two polls of a device after so many failures in a row: a dead one is asked more and more rarely, on its grid."""
    if failures < DEAD_AFTER:
        return interval
    doublings = min(failures - DEAD_AFTER + 1, _MOST_DOUBLINGS)
    return interval * max(1, min(1 << doublings, int(LONGEST_PROBE / interval)))


@dataclass(slots=True)
class _Keeping:
    """A row on its way to the disk since a moment (monotonic); `done` becomes the telling of its loss where the disk refuses it."""

    row: Row
    since: float
    done: asyncio.Future[None]
    settled: bool = False


class Poller:
    """Polls the devices of one bus, each at its interval.

    A poll is committed while the next device is asked, so that the line does not stand still for the disk.
    """

    def __init__(self, line: BusContext[Any, Any], driver: PollingDriver[Any], on_alive: OnAlive) -> None:
        """`on_alive` is told when a device dies or comes back."""
        self._line, self._driver, self._on_alive = line, driver, on_alive
        self._keeping: deque[_Keeping] = deque()
        """In the order in which the disk takes them."""
        self._ended = False
        self._patience = Patience()
        self._turned = time.monotonic()
        """When the last poll ended, or the next one is due, monotonic."""

    def overdue(self) -> float:
        """Seconds for which a poll that is due has not ended."""
        return max(0.0, time.monotonic() - self._turned) if self._line.devices else 0.0

    async def run(self) -> None:
        """Poll until cancelled. First polls are staggered, so a bus is loaded evenly."""
        start = time.monotonic()
        queue: list[tuple[float, int, _Polled]] = []
        devices = self._line.devices
        for number, device in enumerate(devices):
            stagger = self._real(min(device.poll_interval, FIRST_ROUND)) * number / len(devices)
            heapq.heappush(queue, (start + stagger, number, _Polled(device)))
        try:
            while queue:
                due, number, polled = queue[0]
                now = time.monotonic()
                self._turned = max(now, due)
                if due > now:
                    await asyncio.sleep(due - now)
                await self._poll(polled)
                heed_cancellation()
                heapq.heapreplace(queue, (self._next(due, polled), number, polled))
        finally:
            self._ended = True
            for keeping in self._keeping:
                keeping.done.cancel()
            self._patience.close()

    def _real(self, seconds: float) -> float:
        return self._line.clock.real_seconds(seconds)

    def _next(self, due: float, polled: _Polled) -> float:
        """The next due time: always on the device's own grid; polls that a busy bus missed are left out."""
        wait = self._real(probe_interval(polled.device.poll_interval, polled.failures))
        return due + wait * max(1, math.floor((time.monotonic() - due) / wait))

    async def _poll(self, polled: _Polled) -> None:
        device = polled.device
        try:
            row = await self._driver.read(device)
        except DriverError as error:
            polled.failures += 1
            if polled.failures == DEAD_AFTER:
                await self._settled()
                await self._on_alive(device.id, False)  # noqa: FBT003 (a callback of two arguments)
            if polled.failures >= DEAD_AFTER:
                return  # its DDEATH says it of all points at once; data after it would call the device back to life
            row = Row(device.id, self._line.clock.now_ms(), {}, dict.fromkeys(device.model.points, str(error)))
        else:
            if polled.failures >= DEAD_AFTER:
                await self._settled()
                await self._on_alive(device.id, True)  # noqa: FBT003
            polled.failures = 0
        await self._settled(min(_AHEAD, _MOST_WAITING) - 1)
        if len(self._keeping) >= _MOST_WAITING:
            await self._lose(row, "the disk does not answer")
        else:
            keeping = _Keeping(row, time.monotonic(), asyncio.ensure_future(self._line.commit([row])))
            keeping.done.add_done_callback(partial(self._answered, keeping))
            self._keeping.append(keeping)
            if keeping.since - self._keeping[0].since > PATIENCE and self._line.show is not None:
                await self._line.show(row)

    async def _settled(self, but: int = 0) -> None:
        """Wait until the polls before, `but` so many, are on disk or told as lost; no longer than `PATIENCE` from when they were read."""
        while True:
            while self._keeping and self._keeping[0].settled:
                self._keeping.popleft().done.result()  # what is not the disk's refusal is raised
            if len(self._keeping) <= but or time.monotonic() >= self._keeping[0].since + PATIENCE:
                return
            await self._patience.until(self._keeping[0].since + PATIENCE)
            heed_cancellation()

    def _answered(self, keeping: _Keeping, kept: asyncio.Future[None]) -> None:
        """A row that the disk refused is told at once, and not when its bus is asked again."""
        error = None if kept.cancelled() else kept.exception()
        if isinstance(error, sqlite3.Error) and not self._ended:
            keeping.done = asyncio.create_task(self._lose(keeping.row, str(error)), name="lose")
            keeping.done.add_done_callback(partial(self._told, keeping))
        else:
            self._told(keeping)

    def _told(self, keeping: _Keeping, _: object = None) -> None:
        keeping.settled = True
        self._patience.wake()

    async def _lose(self, row: Row, reason: str) -> None:
        """The next poll may find room; this one is lost, and counted."""
        if self._line.lost is None:
            self._line.count(f"the outbox refused a row: {reason}")
        else:
            await self._line.lost(row, reason)
