"""When to ask which device: one bus, one request at a time, and a dead device never holds up the others."""

from __future__ import annotations

import asyncio
import heapq
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contract.lifecycle import heed_cancellation
from contract.reading import Row
from contract.site import Device
from edge.drivers.base import DriverError, Line, PollingDriver

DEAD_AFTER = 3
"""Failed polls in a row after which a device counts as dead and is probed more and more rarely."""
FIRST_ROUND = 5.0
"""Seconds over which the first polls of a bus are spread, at most: after a start every device is soon known."""
LONGEST_PROBE = 60.0
"""Seconds between two probes of a dead device, at most."""

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


class Poller:
    """Polls the devices of one bus, each at its interval.

    A poll is committed while the next device is asked, so that the line does not stand still for the disk; never more than one waits.
    """

    def __init__(self, line: Line, driver: PollingDriver, on_alive: OnAlive) -> None:
        """`on_alive` is told when a device dies or comes back."""
        self._line, self._driver, self._on_alive = line, driver, on_alive
        self._keeping: asyncio.Task[None] | None = None

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
                if due > now:
                    await asyncio.sleep(due - now)
                await self._poll(polled)
                heed_cancellation()
                heapq.heapreplace(queue, (self._next(due, polled), number, polled))
        finally:
            if self._keeping is not None:
                self._keeping.cancel()

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
            await self._kept()
            polled.failures += 1
            if polled.failures == DEAD_AFTER:
                await self._on_alive(device.id, False)  # noqa: FBT003 (a callback of two arguments)
            if polled.failures >= DEAD_AFTER:
                return  # its DDEATH says it of all points at once; data after it would call the device back to life
            row = Row(device.id, self._line.clock.now_ms(), {}, dict.fromkeys(device.model.points, str(error)))
        else:
            await self._kept()
            if polled.failures >= DEAD_AFTER:
                await self._on_alive(device.id, True)  # noqa: FBT003
            polled.failures = 0
        self._keeping = asyncio.create_task(self._keep(row), name="keep")

    async def _kept(self) -> None:
        """Wait until the poll before is on disk: rows are committed in the order in which they were read."""
        if self._keeping is not None:
            await self._keeping
            self._keeping = None

    async def _keep(self, row: Row) -> None:
        try:
            await self._line.commit([row])
        except sqlite3.Error as error:
            self._line.count(f"the outbox refused a row: {error}")  # the next poll may find room; this one is lost, and counted
