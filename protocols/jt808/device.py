"""Vehicle terminals as real TCP clients (JT/T 808-2019, clauses 7 and 8): they repeat until answered, and forget nothing before."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contract.clock import Clock
from protocols.jt808.codec import fix
from protocols.jt808.codec.bodies import NO_ANSWER, Body, Heartbeat, decode_body, message
from protocols.jt808.codec.frame import Frame, Jt808Error, Splitter, Version, encode, split_message
from protocols.jt808.codec.location import Batch, Location
from protocols.jt808.codec.session_bodies import (
    OK,
    Auth,
    PlatformResponse,
    Register,
    RegisterResponse,
    ResendRequest,
    ServerTime,
    TerminalResponse,
)
from protocols.jt808.model import Device
from protocols.jt808.model.phone import identity
from protocols.memory import Memory, Said, grid
from protocols.stage import Address, Endpoints, Stage, beside

HEARTBEAT = 60.0
FIRST_WAIT = 5.0
"""Seconds until a message is repeated; the waits grow by T(n+1) = T(n) * (n+1)."""
REPEATS = 3
SHORTEST = 0.5
"""Real seconds; a sped-up clock must not repeat what the disk is still busy with."""
LONGEST_CALL = 30.0
"""Seconds between two attempts to connect, at most."""
MOST_TOGETHER = 60
"""Positions in one batch; more than a frame holds, so batches come in packages."""
_SECOND = 1000
_DIGITS_2013 = 12


class Link:
    """One connection: asks, repeats, and matches the answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, device: Device, clock: Clock) -> None:
        self._reader, self._writer, self._clock = reader, writer, clock
        self._phone = identity(device.phone)
        self._version = edition(device)
        self._seq = secrets.randbelow(0x10000)
        self._waiting: dict[int, asyncio.Future[Body]] = {}
        self._asked: list[Frame] = []

    async def hear(self) -> None:
        """Take what the platform sends, until the link ends.

        Raises:
            ConnectionError: It ended.
            Jt808Error: An answer that is none.
        """
        splitter = Splitter()
        while data := await self._reader.read(4096):
            for found in splitter.feed(data):
                if isinstance(found, Frame):
                    self._heard(found)
        raise ConnectionResetError("the platform closed the link")

    def _heard(self, frame: Frame) -> None:
        body = decode_body(frame)
        if isinstance(body, PlatformResponse | RegisterResponse):
            waiting = self._waiting.get(body.reply_seq)
            if waiting is not None and not waiting.done():
                waiting.set_result(body)
        elif isinstance(body, ResendRequest):
            self._send([one for one in self._asked if one.package_number in body.numbers])
        elif not isinstance(body, ServerTime) and frame.msg_id not in NO_ANSWER:
            self._send([message(TerminalResponse(frame.seq, frame.msg_id, OK), self._phone, self._next(1), self._version)])

    async def ask(self, body: Body) -> Body:
        """Send a message until it is answered; a message in packages counts as answered with its last one.

        Raises:
            ConnectionError: No answer, however often it was repeated.
        """
        frames = split_message(message(body, self._phone, 0, self._version))
        first = self._next(len(frames))
        frames = split_message(message(body, self._phone, first, self._version))
        last = frames[-1].seq
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._waiting[last], self._asked = answer, frames
        try:
            wait = FIRST_WAIT
            for number in range(1, REPEATS + 2):
                self._send(frames)
                await self._writer.drain()
                done, _ = await asyncio.wait([answer], timeout=max(self._clock.real_seconds(wait), SHORTEST * number))
                if done:
                    return answer.result()
                wait *= number + 1
        finally:
            del self._waiting[last]
        raise ConnectionAbortedError("no answer")

    def _send(self, frames: list[Frame]) -> None:
        self._writer.write(b"".join(encode(frame) for frame in frames))

    def _next(self, count: int) -> int:
        seq, self._seq = self._seq, (self._seq + count) & 0xFFFF
        return seq


class Terminal:
    """One car's terminal: measures on its grid whether or not the platform is there."""

    def __init__(self, stage: Stage, device: Device, platform: Address) -> None:
        self._stage, self._device, self._platform = stage, device, platform
        self._clock = stage.clock
        self.memory: Memory[Location] = Memory(stage.said, stage.clock)
        self._code: str | None = None

    async def run(self) -> None:
        """Measure and call until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure())
            tasks.create_task(self._call())

    async def _measure(self) -> None:
        async for at in grid(self._clock, self._device.id, self._device.poll_interval, _SECOND):
            if not self._stage.speaks(self._device.id, at):
                continue
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
                    await self._talk(Link(reader, writer, self._device, self._clock))
                except (OSError, Jt808Error):
                    pass  # called again below, with what was not answered
                finally:
                    writer.transport.abort()
                wait = 1.0
            jitter = 0.5 + secrets.randbelow(1000) / 1000
            await asyncio.sleep(max(self._clock.real_seconds(wait), 0.2) * jitter)
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


def edition(device: Device) -> Version:
    """The edition that a car's terminal speaks; a phone of more digits than the header of 2013 has is one of 2019."""
    long = len(identity(device.phone)) > _DIGITS_2013
    return 2019 if long or device.vehicle is None else device.vehicle.protocol_year


def registration(device: Device) -> Register:
    """Sichuan, Guangyuan (GB/T 2260: 51, 0800), with the car's plate."""
    plate = device.vehicle.plate if device.vehicle else ""
    return Register(51, 800, "JYSIM", "simulator", device.phone[-7:], 1, plate, edition(device))


@asynccontextmanager
async def play(stage: Stage) -> AsyncIterator[Endpoints]:
    """Every JT/T 808 terminal of the site calls the listener until the block ends."""
    platform = stage.called.jt808
    devices = [d for d in stage.site.devices if isinstance(d, Device)]
    if platform is None or not devices:
        yield {}
        return
    async with beside(*(Terminal(stage, device, platform).run() for device in devices)):
        yield {"jt808": {"host": platform.host, "port": platform.port}}
