"""The JT/T 808 listener on real sockets, with terminals and a disk in the hands of a test."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from contract.clock import Clock
from contract.operation import Text
from protocols.base import BusContext
from protocols.jt808.codec.bodies import Body, decode_body, message
from protocols.jt808.codec.frame import Frame, Splitter, Version, encode, split_message
from protocols.jt808.codec.location import Batch, Item, Location
from protocols.jt808.codec.session_bodies import Auth, PlatformResponse, Register, RegisterResponse
from protocols.jt808.driver.listener import Listener
from protocols.jt808.model import Bus, Device
from protocols.jt808.model.limits import TerminalLimits
from tests.desk import Desk
from tests.waiting import until

NAME = Text(zh="车", en="Car")
CAR = Device(id="car-1", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="010000000001")
OTHER = Device(id="car-2", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="00000000010000000002")
BUS = Bus(id="cars", gateway="gw", protocol="jt808", host="127.0.0.1", port=0)


class Client:
    """A terminal in the hands of a test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, phone: str, version: Version) -> None:
        self.reader, self.writer, self.phone, self.version = reader, writer, phone, version
        self._splitter, self._found, self._seq = Splitter(), list[Frame](), 0

    def send(self, body: Body) -> int:
        """Send a message, in packages if it is long; the sequence number of its first frame."""
        first = self._seq
        frames = split_message(message(body, self.phone, first, self.version))
        self._seq += len(frames)
        self.writer.write(b"".join(encode(frame) for frame in frames))
        return first

    def packages(self, body: Body) -> list[Frame]:
        """A long message as the frames that carry it, not sent yet."""
        frames = split_message(message(body, self.phone, self._seq, self.version))
        self._seq += len(frames)
        return frames

    async def ask_package(self, frame: Frame) -> Body:
        """Send one frame, and take the next message."""
        self.writer.write(encode(frame))
        return await self.answer()

    async def answer(self) -> Body:
        """The platform's next message."""
        return decode_body(await self.frame())

    async def frame(self) -> Frame:
        """The same with its number."""
        async with asyncio.timeout(10):
            while not self._found:
                data = await self.reader.read(4096)
                if not data:
                    raise ConnectionResetError
                self._found += [found for found in self._splitter.feed(data) if isinstance(found, Frame)]
        return self._found.pop(0)

    async def ask(self, body: Body) -> Body:
        """Send, and take the next message."""
        self.send(body)
        return await self.answer()

    async def open(self) -> str:
        """Register and authenticate; the code that was given."""
        given = await self.ask(Register(51, 800, "M", "m", "1", 1, "川H00001", self.version))
        assert isinstance(given, RegisterResponse)
        assert given.result == 0
        assert await self.ask(Auth(given.code)) == PlatformResponse(1, 0x0102, 0)
        return given.code

    async def closed(self) -> bool:
        """Whether the platform ends the link; waits for it."""
        async with asyncio.timeout(10):
            try:
                while await self.reader.read(4096):
                    pass
            except ConnectionError:
                pass
        return True


class Platform:
    """A listener under test and what it did."""

    def __init__(self, folder: Path, clock: Clock, devices: Sequence[Device], bus: Bus) -> None:
        self.disk, self.clock, self.devices = Desk(), clock, devices
        self.counted: list[str] = []
        self.listener = Listener(BusContext(bus, devices, clock, self.disk.commit, self.counted.append, folder=folder))
        self._clients: list[asyncio.StreamWriter] = []

    async def call(self, device: Device = CAR, version: Version = 2019, phone: str = "") -> Client:
        """A new connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self._clients.append(writer)
        return Client(reader, writer, phone or device.phone, version)

    def second(self) -> int:
        """The site's time in whole seconds, as a terminal writes it, ms."""
        return self.clock.now_ms() // 1000 * 1000

    @staticmethod
    def fix(at: int, **more: int) -> Location:
        """A position."""
        items = (Item(0x01, (12345).to_bytes(4, "big")),)
        return Location.of(at, 32.43, 105.84, speed=36.5, course=90, altitude=480, items=items, **more)

    def long_batch(self, count: int = 70) -> tuple[list[int], Batch]:
        """The times of a blind area's positions and the batch of them, which needs three packages."""
        times = [self.second() - 3_600_000 + 10_000 * number for number in range(count)]
        return times, Batch(1, tuple(self.fix(at) for at in reversed(times)))

    @staticmethod
    def cut(client: Client) -> None:
        """Reset a connection, as a terminal does whose power goes."""
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()

    until = staticmethod(until)
    """Waits for what the listener does by itself."""

    def hang_up(self) -> None:
        """Leave no connection open."""
        for writer in self._clients:
            writer.transport.abort()


Start = Callable[..., AbstractAsyncContextManager[Platform]]
"""Called with a clock, devices and limits, each of which may be left out."""


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A listener with a folder that stays from one start to the next."""

    @asynccontextmanager
    async def running(
        clock: Clock | None = None, devices: Sequence[Device] = (CAR, OTHER), limits: TerminalLimits | None = None
    ) -> AsyncIterator[Platform]:
        bus = BUS.model_copy(update={"terminals": limits or TerminalLimits()})
        platform = Platform(tmp_path, clock or Clock(), devices, bus)
        task = asyncio.create_task(platform.listener.run())
        async with asyncio.timeout(10):
            await platform.listener.listening.wait()
        try:
            yield platform
        finally:
            platform.hang_up()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return running


@pytest.fixture
async def platform(start: Start) -> AsyncIterator[Platform]:
    """A running listener that knows two cars."""
    async with start() as made:
        yield made
