"""Gateways that only send: prepared rows, over the promise of the wire (500 rows or 4 MB in flight), at next to no cost.

A client library costs as much a message as the ingest that is measured, so these speak MQTT 3.1.1 by themselves:
CONNECT, SUBSCRIBE to their commands, PUBLISH with QoS 0.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from contract import sparkplug
from contract.store import MAX_BYTES_IN_FLIGHT, MAX_ROWS_IN_FLIGHT, parse_ack
from contract.topics import Topic

_CONNECT, _CONNACK, _PUBLISH, _SUBSCRIBE = 0x10, 0x20, 0x30, 0x82


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(kind: int, body: bytes) -> bytes:
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def publish(topic: str, payload: bytes) -> bytes:
    """A PUBLISH packet, QoS 0."""
    return _packet(_PUBLISH, _text(topic) + payload)


@dataclass
class Prepared:
    """What one gateway will send: its births, then rows numbered from 1 in their order."""

    group: str
    node: str
    password: str
    outbox: str
    births: list[bytes]
    rows: list[bytes]


@dataclass
class Sender(asyncio.Protocol):
    """One connection; sends its rows as the window allows, and is done when all are acknowledged."""

    prepared: Prepared
    done: asyncio.Future[None]
    born: asyncio.Event
    _transport: asyncio.Transport | None = None
    _buffer: bytearray = field(default_factory=bytearray)
    _next: int = 0
    _flying: deque[tuple[int, int]] = field(default_factory=deque)
    _bytes: int = 0
    _acknowledged: set[int] = field(default_factory=set)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are and what we want to hear."""
        self._transport = cast("asyncio.Transport", transport)
        p = self.prepared
        flags = 0xC2  # user, password, clean session
        head = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", 60)
        self._transport.write(_packet(_CONNECT, head + _text(f"{p.group}-{p.node}") + _text(p.node) + _text(p.password)))
        command = str(Topic(p.group, "NCMD", p.node))
        self._transport.write(_packet(_SUBSCRIBE, struct.pack(">H", 1) + _text(command) + b"\x00"))

    def data_received(self, data: bytes) -> None:
        """Acknowledgements open the window."""
        self._buffer += data
        while (found := self._packet()) is not None:
            kind, body = found
            if kind & 0xF0 == _CONNACK:
                self._births()
            elif kind & 0xF0 == _PUBLISH:
                self._command(body)

    def _packet(self) -> tuple[int, bytes] | None:
        size, shift, at = 0, 0, 1
        while at < len(self._buffer):
            digit = self._buffer[at]
            size, shift, at = size | (digit & 0x7F) << shift, shift + 7, at + 1
            if not digit & 0x80:
                if len(self._buffer) < at + size:
                    return None
                kind, body = self._buffer[0], bytes(self._buffer[at : at + size])
                del self._buffer[: at + size]
                return kind, body
        return None

    def _births(self) -> None:
        assert self._transport is not None  # noqa: S101 (the broker answered on it)
        self._transport.writelines(self.prepared.births)
        self.born.set()

    def _command(self, body: bytes) -> None:
        (length,) = struct.unpack_from(">H", body)
        text = sparkplug.values(sparkplug.decode(body[2 + length :])).get(sparkplug.STORE_ACK)
        if not isinstance(text, str):
            return
        ack = parse_ack(text)
        if ack.outbox != self.prepared.outbox:
            return
        for first, last in ack.stored:
            self._acknowledged.update(range(first, last + 1))
        while self._flying and self._flying[0][0] in self._acknowledged:
            self._bytes -= self._flying.popleft()[1]
        if len(self._acknowledged) == len(self.prepared.rows) and not self.done.done():
            self.done.set_result(None)
        self.send()

    def send(self) -> None:
        """Send what the window allows."""
        assert self._transport is not None  # noqa: S101 (called once the births are out)
        rows = self.prepared.rows
        out = []
        while self._next < len(rows) and len(self._flying) < MAX_ROWS_IN_FLIGHT and self._bytes < MAX_BYTES_IN_FLIGHT:
            row = rows[self._next]
            self._next += 1
            self._flying.append((self._next, len(row)))
            self._bytes += len(row)
            out.append(row)
        if out:
            self._transport.write(b"".join(out))


async def send_all(port: int, prepared: list[Prepared]) -> float:
    """Connect all gateways, let them give birth, then send everything; returns the seconds until all was acknowledged.

    Raises:
        TimeoutError: Not all was acknowledged within five minutes.
    """
    loop = asyncio.get_running_loop()
    senders = [Sender(p, loop.create_future(), asyncio.Event()) for p in prepared]
    for sender in senders:
        await loop.create_connection(partial(_same, sender), "127.0.0.1", port)
    await asyncio.gather(*(s.born.wait() for s in senders))
    began = loop.time()
    for sender in senders:
        sender.send()
    async with asyncio.timeout(300):
        await asyncio.gather(*(s.done for s in senders))
    return loop.time() - began


def _same(sender: Sender) -> Sender:
    return sender
