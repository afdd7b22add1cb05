"""A slave that answers byte by byte what a test tells it, over TCP with or without transaction ids, or over a serial line."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from pymodbus.framer import FramerRTU

from protocols.modbus.model import Bus


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; `count` is the value where one register or coil is written."""

    unit: int
    function: int
    address: int
    count: int
    tid: int


def register(unit: int, address: int) -> int:
    """What a well-behaved slave holds: different for each unit and address, and plausible as volts."""
    return unit * 100 + address % 97


def _write(line: int, data: bytes) -> None:
    """Say it on a serial line; what it has no room for is lost, as on a wire that nobody reads."""
    with suppress(BlockingIOError):
        os.write(line, data)


@dataclass
class Slave:
    """Every unit id of a line, well-behaved until `script` is given; nothing is said where it gives nothing.

    What `script` gives goes on the wire as it is; `frame` and `answer` make what belongs there.
    """

    framing: str
    script: Callable[[Asked], bytes] = field(init=False)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    connected_at: float = 0.0
    """Of the newest connection, by the loop's clock."""
    hang_up: bool = False
    """Whether the connection is cut after the next answer."""
    say: Callable[[bytes], object] = field(init=False)
    """Puts bytes on the line without being asked; there once somebody is connected."""

    def __post_init__(self) -> None:
        self.script = self.answer

    def answer(self, asked: Asked) -> bytes:
        """As the standard says."""
        if asked.function in {1, 2}:
            data = bytes(1 if asked.address % 2 else 0 for _ in range((asked.count + 7) // 8))
        elif asked.function in {3, 4}:
            data = b"".join(register(asked.unit, asked.address + i).to_bytes(2, "big") for i in range(asked.count))
        else:
            return self.frame(asked, struct.pack(">BHH", asked.function, asked.address, asked.count))
        return self.frame(asked, bytes([asked.function, len(data)]) + data)

    def exception(self, asked: Asked, code: int) -> bytes:
        """A refusal."""
        return self.frame(asked, bytes([asked.function | 0x80, code]))

    def frame(self, asked: Asked, pdu: bytes) -> bytes:
        """A PDU with what the framing puts around it."""
        if self.framing == "tcp":
            return struct.pack(">HHHB", asked.tid, 0, len(pdu) + 1, asked.unit) + pdu
        body = bytes([asked.unit]) + pdu
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """(what is said, what is left of `data`) for whole requests."""
        said = b""
        head = 6 if self.framing == "tcp" else 0
        while len(data) >= head + 8 - 2 * bool(head):
            tid = int.from_bytes(data[:2], "big") if head else 0
            unit, function, address, count = struct.unpack(">BBHH", data[head : head + 6])
            long = data[head + 6] + 1 if function == 16 else 0
            size = head + 6 + long + 2 * (not head)
            if len(data) < size:
                break
            data = data[size:]
            asked = Asked(unit, function, address, count, tid)
            self.asked.append(asked)
            said += self.script(asked)
        return said, data

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """The slave as a bus of a site: at a free port, or at the far end of a pseudo terminal."""
        if self.framing == "rtu":
            with self.line() as port:
                yield Bus(id="bus", gateway="gw", protocol="modbus", framing="rtu", serial_port=port)
            return
        calls: set[asyncio.Task[None]] = set()

        def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            calls.add(asyncio.create_task(self._connection(reader, writer)))

        server = await asyncio.start_server(called, "127.0.0.1", 0)
        fields = {"id": "bus", "gateway": "gw", "protocol": "modbus", "framing": self.framing}
        try:
            yield Bus.model_validate({**fields, "port": server.sockets[0].getsockname()[1]})
        finally:
            server.close()
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected_at = asyncio.get_running_loop().time()
        self.say = writer.write
        data = b""
        try:
            while more := await reader.read(1024):
                said, data = self.take(data + more)
                writer.write(said)
                await writer.drain()
                if said and self.hang_up:
                    self.hang_up = False
                    break
        except ConnectionError:
            pass  # the driver went away, as it does after a fault
        finally:
            writer.close()

    @contextmanager
    def line(self) -> Iterator[str]:
        """The slave at the far end of a pseudo terminal, which is gone afterwards; its name."""
        near, far = os.openpty()
        tty.setraw(near)
        tty.setraw(far)
        left = b""
        os.set_blocking(near, False)
        self.say = partial(_write, near)

        def take() -> None:
            nonlocal left
            said, left = self.take(left + os.read(near, 1024))
            _write(near, said)

        asyncio.get_running_loop().add_reader(near, take)
        try:
            yield os.ttyname(far)
        finally:
            asyncio.get_running_loop().remove_reader(near)
            os.close(near)
            os.close(far)
