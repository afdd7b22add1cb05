"""One car's terminal: what it measures, keeps and reports (JT/T 808-2019, clause 7)."""

from __future__ import annotations

import asyncio

from contract.backoff import spread
from protocols.jt808.codec import fix
from protocols.jt808.codec.bodies import Body, Heartbeat
from protocols.jt808.codec.frame import Jt808Error
from protocols.jt808.codec.location import Batch, Location
from protocols.jt808.codec.session_bodies import OK, Auth, PlatformResponse, RegisterResponse
from protocols.jt808.device.kept import Kept
from protocols.jt808.device.link import SHORTEST, Link, registration
from protocols.jt808.model import Device
from protocols.memory import Memory, Said, grid
from protocols.stage import Called, Stage

HEARTBEAT = 60.0
LONGEST_CALL = 30.0
"""Seconds between two attempts to connect, at most."""
MOST_TOGETHER = 60
"""Positions in one batch; more than a frame holds, so batches come in packages."""
_SECOND = 1000
_INTERVAL = "report_interval"


class Terminal:
    """One car's terminal: measures on its grid whether or not the platform is there."""

    def __init__(self, stage: Stage, device: Device, platform: Called) -> None:
        self._stage, self._device, self._platform = stage, device, platform
        self._clock = stage.clock
        self.memory: Memory[Location] = Memory(stage.said, stage.clock)
        self._code: str | None = None
        self._kept = Kept(device, stage.world, stage.clock)

    async def run(self) -> None:
        """Measure and call until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure())
            tasks.create_task(self._call())

    async def _measure(self) -> None:
        while True:
            changes = self._kept.changes
            async for at in grid(self._clock, self._device.id, self._interval(), _SECOND):
                self._report_at(at)
                if self._kept.changes != changes:
                    break

    def _interval(self) -> float:
        """Seconds between two reports: the terminal's parameter where its profile has one, else the device's own."""
        if _INTERVAL not in self._device.model.points:
            return self._device.poll_interval
        return self._stage.world.values(self._device.id, self._clock.now_ms())[_INTERVAL] or self._device.poll_interval

    def _report_at(self, at: int) -> None:
        if not self._stage.speaks(self._device.id, at):
            return
        dated = self._stage.dated(self._device.id, at)
        location = fix.measured(self._stage.world.values(self._device.id, at), dated)
        self.memory.add(Said(self._device.id, dated, fix.understood(self._device, location), location))

    async def _call(self) -> None:
        wait = 1.0
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._platform.host, self._platform.port)
            except OSError:
                pass  # the listener is not there yet, or no longer
            else:
                try:
                    await self._talk(Link(reader, writer, self._device, self._clock, self._kept))
                except (OSError, Jt808Error):
                    pass  # called again below, with what was not answered
                finally:
                    writer.transport.abort()
                wait = 1.0
            await asyncio.sleep(spread(max(self._clock.real_seconds(wait), 0.2)))
            wait = min(wait * 2, LONGEST_CALL)

    async def _talk(self, link: Link) -> None:
        """Hear and speak until one of them ends.

        Not a task group: before Python 3.13 one whose part fails while the group is cancelled forgets the cancelling.

        Raises:
            OSError: The link is gone, or the platform refused.
            Jt808Error: An answer that is none.
        """
        both = [asyncio.create_task(link.hear()), asyncio.create_task(self._speak(link))]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _speak(self, link: Link) -> None:
        await self._open(link)
        while True:
            try:
                async with asyncio.timeout(max(self._clock.real_seconds(HEARTBEAT), SHORTEST)):
                    await self.memory.any.wait()
            except TimeoutError:
                await link.ask(Heartbeat())
                continue
            await self._report(link)

    async def _open(self, link: Link) -> None:
        """Register once, authenticate at every connection.

        Raises:
            ConnectionError: The platform refused.
        """
        if self._code is None:
            answer = await link.ask(registration(self._device))
            if not isinstance(answer, RegisterResponse) or answer.result != OK:
                raise ConnectionRefusedError("registration was refused")
            self._code = answer.code
        answer = await link.ask(Auth(self._code, imei="0" * 15, software="simulator"))
        if not isinstance(answer, PlatformResponse) or answer.result != OK:
            self._code = None  # the platform no longer knows it: register anew
            raise ConnectionRefusedError("authentication was refused")

    async def _report(self, link: Link) -> None:
        """Send the oldest positions: one as it is, several as a batch for a blind area."""
        taken = self.memory.take(MOST_TOGETHER)
        body: Body = taken[0].message if len(taken) == 1 else Batch(1, tuple(said.message for said in taken))
        stored = False
        try:
            answer = await link.ask(body)
            stored = isinstance(answer, PlatformResponse) and answer.result == OK
        finally:
            if stored:
                self.memory.thanked(taken)
            else:
                self.memory.give_back(taken)
        if not stored:
            raise ConnectionAbortedError("the platform refused a position")
