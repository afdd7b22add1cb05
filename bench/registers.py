"""A Modbus TCP server that costs next to nothing, so that a bench measures the other side: `python -m bench.registers PORT…`.

Every read of holding registers is answered. The first four registers are the time of the answer, ms since 1970 as a float64;
the others are float32 numbers.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from typing import cast

import uvloop

_HEAD = struct.Struct(">HHHBBHH")
_LONGEST = 125
_NUMBERS = struct.pack(f">{_LONGEST // 2}f", *[0.5] * (_LONGEST // 2))
"""Plausible for every point."""


class _Slave(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A master connected."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one, without saying so

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        assert self._transport is not None  # noqa: S101 (data comes after connection_made)
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            number, protocol, _, unit, function, _, count = _HEAD.unpack_from(self._buffer)
            self._buffer = self._buffer[_HEAD.size :]
            registers = (struct.pack(">d", time.time() * 1000.0) + _NUMBERS)[: count * 2]
            self._transport.write(struct.pack(">HHHBBB", number, protocol, count * 2 + 3, unit, function, count * 2) + registers)


async def _serve(ports: list[int]) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(_Slave, "127.0.0.1", port) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    uvloop.run(_serve([int(port) for port in sys.argv[1:]]))
