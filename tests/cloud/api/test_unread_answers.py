"""For how long the rest of an answer may wait for its client, on a transport and a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from cloud.api.connections import LEAST_READ, UNREAD_SECONDS, Bounded, Room, bounded

SIZE = 200_000
"""Of an answer's body."""
WAITS = 10_000
"""Bytes of it that the kernel does not take at once."""


@dataclass
class Timer:
    """A call that comes later."""

    at: float
    call: Callable[[], object]
    cancelled: bool = False

    def cancel(self) -> None:
        """It does not come."""
        self.cancelled = True


class Hand:
    """The running loop, with a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[Timer] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the loop has)
        return getattr(asyncio.get_running_loop(), name)

    def call_later(self, seconds: float, call: Callable[..., object], *arguments: object) -> Timer:
        """A call of its own clock."""
        self._timers.append(Timer(self.now + seconds, lambda: call(*arguments)))
        return self._timers[-1]

    def move(self, until: float) -> None:
        """Let the time go on until then."""
        while due := [timer for timer in self._timers if timer.at <= until and not timer.cancelled]:
            timer = min(due, key=lambda each: each.at)
            self._timers.remove(timer)
            self.now = timer.at
            timer.call()
        self.now = until


@dataclass
class Line:
    """A transport whose client reads when a test says so."""

    unread: int = 0
    aborted: bool = False

    def get_extra_info(self, name: str) -> object:
        """Both ends of it."""
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else None

    def write(self, data: bytes) -> None:
        """Take bytes, of which the last wait; behind others that wait all do."""
        self.unread = self.unread + len(data) if self.unread else min(len(data), WAITS) * (len(data) > WAITS)

    def get_write_buffer_size(self) -> int:
        """What waits."""
        return self.unread

    def is_closing(self) -> bool:
        """Whether it was ended."""
        return self.aborted

    def abort(self) -> None:
        """End it."""
        self.aborted = True

    def close(self) -> None:
        """End it as well."""
        self.aborted = True

    def resume_reading(self) -> None:
        """There is nothing to do."""


@dataclass
class Client:
    """A connection that is kept."""

    protocol: Bounded
    line: Line
    clock: Hand

    async def ask(self, *, size: int = SIZE) -> None:
        """Send a request, and wait until the whole answer was written."""
        self.protocol.data_received(f"GET /?size={size} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.gather(*self.protocol.tasks)
        assert self.protocol.cycle.response_complete


@pytest.fixture
async def client() -> Client:
    """Connected at second 0; the server waits for a next request for ever."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a" * int(request.query_params["size"]))

    config = uvicorn.Config(Starlette(routes=[Route("/", answer)]), lifespan="off", log_config=None, timeout_keep_alive=100_000)
    config.load()
    clock, line = Hand(), Line()
    protocol = cast("Bounded", bounded(Room(10, 10))(config, ServerState(), {}, cast("asyncio.AbstractEventLoop", clock)))
    protocol.connection_made(cast("asyncio.Transport", line))
    return Client(protocol, line, clock)


async def test_each_answer_has_its_own_time(client: Client) -> None:
    """A client that had read all was cut a minute after an earlier answer, where the next one had just been written."""
    await client.ask()
    client.clock.move(1.0)
    client.line.unread = 0
    client.clock.move(UNREAD_SECONDS - 0.1)
    await client.ask()
    client.clock.move(UNREAD_SECONDS + 1.0)
    assert not client.line.aborted
    client.clock.move(2 * UNREAD_SECONDS - 0.2)
    assert not client.line.aborted
    client.clock.move(2 * UNREAD_SECONDS)
    assert client.line.aborted


async def test_another_request_gives_no_more_time(client: Client) -> None:
    """Who asks on and reads nothing is cut a minute after the first answer that waits."""
    for second in range(0, 60, 10):
        client.clock.move(float(second))
        await client.ask()
    client.clock.move(UNREAD_SECONDS - 0.1)
    assert not client.line.aborted
    client.clock.move(UNREAD_SECONDS)
    assert client.line.aborted


async def test_the_last_bytes_behind_a_pause_have_a_time(client: Client) -> None:
    """Who read an answer but for its last bytes was watched no more when the transport could be written to again."""
    await client.ask()
    client.line.unread = 2 * LEAST_READ
    client.protocol.pause_writing()
    client.clock.move(30.0)
    client.line.unread = 5_000
    client.protocol.resume_writing()
    client.clock.move(30.0 + UNREAD_SECONDS - 0.1)
    assert not client.line.aborted
    client.clock.move(30.0 + UNREAD_SECONDS)
    assert client.line.aborted
