"""Much is read at once, nothing of it is lost or turned round, and nobody keeps the event loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from protocols.mqtt_client import MqttClient
from protocols.read_ahead import AT_ONCE, ReadAhead

_NUMBER = 5000


class Counted:
    """A socket that counts how often it is read."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self.reads = sock, 0

    def recv(self, most: int) -> bytes:
        """As the socket does."""
        self.reads += 1
        return self._sock.recv(most)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_the_bytes_are_those_that_were_sent(parts: list[bytes], asked: list[int]) -> None:
    """Whatever comes in which pieces and is asked for in which sizes; the end of the stream is empty."""
    here, there = socket.socketpair()
    with closing(here), closing(there):
        here.settimeout(0)
        ahead, found, turn = ReadAhead(here), b"", 0
        for part in parts:
            there.sendall(part)
            while True:
                try:
                    piece = ahead.recv(asked[turn % len(asked)])
                except BlockingIOError:
                    break
                assert 0 < len(piece) <= asked[turn % len(asked)]
                found, turn = found + piece, turn + 1
            assert ahead.pending() == 0
        there.shutdown(socket.SHUT_WR)
        assert found == b"".join(parts)
        assert ahead.recv(1) == b""


def test_a_turn_reads_once() -> None:
    """Of a peer that sends without a pause one read is taken, and the rest is left to the next turn."""
    here, there = socket.socketpair()
    with closing(here), closing(there):
        here.settimeout(0)
        there.settimeout(0)
        sent = there.send(bytes(range(256)) * 1024)
        counted, got = Counted(here), b""
        ahead = ReadAhead(counted)  # type: ignore[arg-type]
        for turn in range(1, 4):
            while True:
                try:
                    got += ahead.recv(1000)
                except BlockingIOError:
                    break
            assert (counted.reads, ahead.pending()) == (turn, 0)
        assert AT_ONCE <= len(got) <= min(3 * AT_ONCE, sent)
        assert got == (bytes(range(256)) * 1024)[: len(got)]


def packet(kind: int, content: bytes) -> bytes:
    """A packet of MQTT 3.1.1 (section 2.2)."""
    length, left = b"", len(content)
    while left >= 128:
        length, left = length + bytes([left % 128 | 128]), left // 128
    return bytes([kind]) + length + bytes([left]) + content


async def test_many_messages_cost_few_reads(broker_port: int) -> None:
    """5 000 small messages and one of 5 MB come in their order, in less than a read for each ten, where it was four reads for each."""
    topic, large = b"\x00\x04many", bytes(5_000_000)
    async with MqttClient("127.0.0.1", broker_port, timeout=5) as client:
        ahead = client._client.socket()
        assert isinstance(ahead, ReadAhead)
        counted = Counted(ahead._sock)
        ahead._sock = counted  # type: ignore[assignment]
        await client.subscribe("many", qos=0)
        with socket.create_connection(("127.0.0.1", broker_port)) as other:  # at once, so that they wait in the kernel
            other.sendall(packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x05other"))
            other.sendall(b"".join(packet(0x30, topic + number.to_bytes(4)) for number in range(_NUMBER)) + packet(0x30, topic + large))
            messages = client.messages
            async with asyncio.timeout(30):
                found = [await anext(messages) for _ in range(_NUMBER + 1)]
        assert [int.from_bytes(bytes(one.payload)) for one in found[:-1]] == list(range(_NUMBER))
        assert found[-1].payload == large
        assert counted.reads < _NUMBER // 10 + 2 * len(large) // AT_ONCE
