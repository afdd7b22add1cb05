"""A connection that breaks at a bad moment leaves nothing behind: no watched socket, no error for the event loop to log."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
from typing import TYPE_CHECKING, Any
from unittest import mock

import aiomqtt
import pytest
import uvloop

from protocols.mqtt_client import MqttClient
from simulators.stack.broker import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_ACCEPTED = bytes([0x20, 2, 0, 0])
"""CONNACK (MQTT 3.1.1, section 3.2)."""


@pytest.fixture
async def complaints() -> list[dict[str, Any]]:
    """What the event loop has to say of errors that nobody took."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


@pytest.fixture
async def broker() -> AsyncIterator[tuple[int, Callable[[], None]]]:
    """A port that accepts everybody and says no more, and how to break all its connections."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1000)
        writer.write(_ACCEPTED)

    def cut() -> None:
        while writers:
            writers.pop().transport.abort()

    port = free_port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield port, cut
        cut()


async def test_a_socket_that_closed_before_it_is_watched_is_not_watched(
    broker: tuple[int, Callable[[], None]], complaints: list[dict[str, Any]]
) -> None:
    """A packet waits to be written, the connection breaks, and another takes its number: that one is left alone."""
    loop, (port, _) = asyncio.get_running_loop(), broker
    with contextlib.suppress(aiomqtt.MqttError):  # it is not connected any more
        async with MqttClient("127.0.0.1", port, timeout=5) as client:
            paho = client._client
            sock = paho.socket()
            assert sock is not None
            number = sock.fileno()
            paho.publish("a", b"b", qos=0)  # asks to be written to
            paho._sock_close()
            others = [socket.socket()]
            while others[-1].fileno() != number:
                others.append(socket.socket())
            await asyncio.sleep(0)
            assert loop.remove_writer(number) is False
            for other in others:
                other.close()
    assert complaints == []


def test_a_socket_that_the_loop_gave_up_ends_its_connection() -> None:
    """Uvloop closes its watch when the kernel tells an error; where paho does not read it, nothing came and nothing was sent any more."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(_given_up()) == []


async def _given_up() -> list[dict[str, Any]]:
    """What the event loop has to complain of."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    reset = struct.pack("ii", 1, 0)  # on, at once: the connection is reset

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(_ACCEPTED)
        await reader.read(1000)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        with contextlib.suppress(aiomqtt.MqttError):  # it is not connected any more
            async with MqttClient("127.0.0.1", server.sockets[0].getsockname()[1], timeout=5) as client:
                paho = client._client
                with mock.patch.object(paho, "loop_read"):
                    await client.publish("a", "b", qos=0)
                    async with asyncio.timeout(5):
                        while not client._disconnected.done():
                            paho._call_socket_register_write()
                            await asyncio.sleep(0.01)
                assert isinstance(client._disconnected.exception(), RuntimeError)
    return found


async def test_an_error_that_nobody_waited_for_is_taken(broker: tuple[int, Callable[[], None]], complaints: list[dict[str, Any]]) -> None:
    """Whoever leaves for another reason, after the broker went away, leaves no error for the event loop."""
    port, cut = broker
    async with MqttClient("127.0.0.1", port, timeout=5) as client:
        cut()
        done, _ = await asyncio.wait({client._disconnected}, timeout=5)
        assert done
        done.clear()
    del client
    for _ in range(3):
        await asyncio.sleep(0)
        gc.collect()
    assert complaints == []


async def test_a_client_knows_whether_it_reached_a_broker(broker: tuple[int, Callable[[], None]]) -> None:
    """A CONNECT was sent where something listens, and only there."""
    port, _ = broker
    there, nowhere = MqttClient("127.0.0.1", port, timeout=5), MqttClient("127.0.0.1", free_port(), timeout=5)
    async with there:
        assert there.reached
    with pytest.raises(aiomqtt.MqttError, match="refused"):
        await nowhere.__aenter__()
    assert not nowhere.reached
