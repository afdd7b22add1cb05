"""What one connection, one client and all together may take of the interface, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_network

import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloud.api import connections
from cloud.api.brake import client
from cloud.api.connections import Room, bounded
from tests.cloud.api.listening import listening
from tests.waiting import until

PROBLEM = b"Content-Type: application/problem+json"


@dataclass
class Port:
    """A running server."""

    number: int
    room: Room

    async def ask(self, *parts: bytes) -> bytes:
        """Send bytes, and read until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.number)
        try:
            for part in parts:
                writer.write(part)
                with contextlib.suppress(ConnectionError):
                    await writer.drain()
            return await _rest(reader)
        finally:
            writer.close()

    @contextlib.asynccontextmanager
    async def half_open(self, number: int) -> AsyncIterator[list[asyncio.StreamReader]]:
        """So many connections that began a request and say no more."""
        made = [await asyncio.open_connection("127.0.0.1", self.number) for _ in range(number)]
        for _, writer in made:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        try:
            yield [reader for reader, _ in made]
        finally:
            for _, writer in made:
                writer.close()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65_536):
            found += part
    return found


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await request.body())}")


async def _large(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a" * int(request.query_params["size"]))


async def _endless(_request: Request) -> StreamingResponse:
    async def blocks() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1_048_576)
            await asyncio.sleep(0)  # uvicorn takes what nobody will read without waiting

    return StreamingResponse(blocks())


Serve = Callable[[Room], Awaitable[Port]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers with so much room; what is not ended when a test ends is cut."""
    async with contextlib.AsyncExitStack() as running:

        async def start(room: Room) -> Port:
            app = Starlette(routes=[Route("/", _hello, methods=["GET", "POST"]), Route("/endless", _endless), Route("/large", _large)])
            made = listening(app, cut=True, http=bounded(room), ws="none", log_level="error")
            _, port = await running.enter_async_context(made)
            return Port(port, room)

        yield start


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    ("parts", "status", "said"),
    [
        ([GET, b"X-Long: ", *[b"a" * 65_536] * 4], b"431", b"32768 bytes"),
        ([b"GET /?" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], b"431", b"32768 bytes"),
        ([GET, b"A: b\r\n" * 200, b"\r\n"], b"431", b"100 headers"),
        ([GET, *[b"X-%d: %s\r\n" % (n, b"a" * 8_000) for n in range(20)]], b"431", b"32768 bytes"),
    ],
    ids=["one endless header", "one long address", "many headers", "much in many headers"],
)
async def test_a_head_that_is_too_large_is_refused(parts: list[bytes], status: bytes, said: bytes, serve: Serve) -> None:
    """However the bytes come; the answer says what was expected, and the connection is closed."""
    port = await serve(Room(100, 100))
    answer = await port.ask(*parts)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert PROBLEM in answer
    assert said in answer


async def test_what_is_within_the_limits_is_answered(serve: Serve) -> None:
    """A head of nearly the limit, two requests on one connection, and a body."""
    port = await serve(Room(100, 100))
    first = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 32_000 + b"\r\n\r\n"
    answer = await port.ask(first, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b"5")


async def test_a_request_that_is_not_whole_in_time_is_closed(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that never ends, a body that never comes, and a connection that says nothing."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    port = await serve(Room(100, 100))
    assert (await port.ask(GET)).startswith(b"HTTP/1.1 408")
    assert (await port.ask()).startswith(b"HTTP/1.1 408")
    assert (await port.ask(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12")).startswith(b"HTTP/1.1 408")
    await until(lambda: port.room.open.total() == 0)
    assert port.room.open.total() == 0


async def test_one_client_has_not_all_the_room(serve: Serve) -> None:
    """Beyond its share a client is answered 429; what ends gives its room back."""
    port = await serve(Room(6, 4))
    async with port.half_open(4):
        await until(lambda: port.room.open.total() == 4)
        answer = await port.ask(GET + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"Retry-After: 5" in answer
    await until(lambda: port.room.open.total() == 0)
    assert (await port.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_when_all_is_taken_the_longest_half_open_gives_way(serve: Serve) -> None:
    """A new request is answered, and only one connection is closed for it; without any half open everybody is answered 503."""
    port = await serve(Room(4, 10))
    async with port.half_open(4) as readers:
        await until(lambda: port.room.open.total() == 4)
        assert (await port.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 200")
        assert (await readers[0].read()).startswith(b"HTTP/1.1 503")
        assert len(port.room.waiting) == 3
    await until(lambda: port.room.open.total() == 0)
    port.room.open["10.0.0.9"] += 4
    assert (await port.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 503")


async def test_when_all_is_taken_one_that_rests_gives_way_first(serve: Serve) -> None:
    """Connections kept for another request took all the room for their five seconds; nobody's request is lost by closing them."""
    port = await serve(Room(4, 10))
    async with port.half_open(1):
        await until(lambda: port.room.open.total() == 1)
        resting = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(3)]
        for reader, writer in resting:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await until(lambda: len(port.room.idle) == 3)
        assert (await port.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 200")
        assert await resting[0][0].read() == b"0"
        await until(lambda: port.room.open.total() == 3)
        reader, writer = resting[1]
        writer.write(GET + b"\r\n")
        assert b"HTTP/1.1 200" in await _rest(reader)
        assert (len(port.room.waiting), len(port.room.idle)) == (1, 1)
        for _, writer in resting:
            writer.close()
    await until(lambda: port.room.open.total() == 0)
    assert not port.room.idle


async def test_the_address_of_a_proxy_stands_for_many(serve: Serve) -> None:
    """Whoever comes through it is bound by the whole only."""
    port = await serve(Room(6, 1, (ip_network("127.0.0.0/8"),)))
    async with port.half_open(3):
        await until(lambda: port.room.open.total() == 3)
        assert (await port.ask(GET + b"\r\n")).startswith(b"HTTP/1.1 200")


async def test_an_answer_that_nobody_reads_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold its memory for ever."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    port = await serve(Room(100, 100))
    _, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: port.room.open.total() == 1)
    await until(lambda: port.room.open.total() == 0)
    writer.close()


@pytest.mark.parametrize(
    "rest",
    [b"0\r\nX: " + b"a" * 65_536, b"4\r\naaaa\r\n" * 8_000, b"1;" + b"a" * 65_536],
    ids=["a trailer without end", "a body without end", "a chunk's name without end"],
)
async def test_a_request_that_never_ends_is_refused(rest: bytes, serve: Serve) -> None:
    """What comes behind the head is bounded too, however it is framed: its trailer stalled the loop as an endless header did."""
    port = await serve(Room(100, 100))
    answer = await port.ask(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", rest, *[b"a" * 65_536] * 8)
    await until(lambda: port.room.open.total() == 0)
    assert b"200 OK" not in answer


async def test_requests_that_wait_for_an_earlier_answer_have_an_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some are answered in their order; 250 kB of them kept 15 MB, and the loop stood still while they were read."""
    port = await serve(Room(100, 100))
    answer = await port.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * connections.PIPELINED + GET + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == connections.PIPELINED + 1
    taken, take, feed = Counter[str](), HttpToolsProtocol.on_headers_complete, HttpToolsProtocol.data_received

    def counted(protocol: HttpToolsProtocol) -> None:
        taken["requests"] += 1
        take(protocol)

    def fed(protocol: HttpToolsProtocol, data: bytes) -> None:
        taken["bytes"] += len(data)
        feed(protocol, data)

    monkeypatch.setattr(HttpToolsProtocol, "on_headers_complete", counted)
    monkeypatch.setattr(HttpToolsProtocol, "data_received", fed)
    assert b"HTTP/1.1 429" not in await port.ask(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000)
    assert taken["requests"] == connections.PIPELINED + 1
    assert taken["bytes"] <= 65_536
    await until(lambda: port.room.open.total() == 0)


async def test_a_blank_line_is_no_way_to_stay(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the time for the next request, and began no request that had one."""
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    port = await serve(Room(100, 100))
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\r\n")
    assert b"408" in await _rest(reader)
    writer.close()


def refused(limit: str) -> float:
    """Connections that were closed for a limit, in all tests so far."""
    return REGISTRY.get_sample_value("jieyue_http_connections_refused_total", {"limit": limit}) or 0.0


async def test_the_rest_of_an_answer_does_not_wait_for_ever(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than what pauses the answer lay behind a closed connection that nobody read."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    port, before = await serve(Room(100, 100)), refused("unread answer")
    made = []
    for size in range(0, 400_000, 20_000):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(0)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port.number))
        await asyncio.get_running_loop().sock_sendall(raw, f"GET /large?size={3_000_000 + size} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        made.append(raw)
    await until(lambda: refused("unread answer") - before == len(made))  # the first may have ended before the last is open
    await until(lambda: port.room.open.total() == 0)
    assert refused("unread answer") - before == len(made)
    for raw in made:
        raw.close()


async def test_a_client_that_reads_steadily_has_its_answer(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for a part of an answer, not for the whole of it."""
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    port = await serve(Room(100, 100))
    reader, writer = await asyncio.open_connection("127.0.0.1", port.number, limit=65_536)
    writer.write(b"GET /large?size=12000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    read = 0
    while part := await reader.read(262_144):
        read += len(part)
        await asyncio.sleep(0.02)
    assert read > 12_000_000
    writer.close()


def test_the_share_of_a_client_is_looked_at_first() -> None:
    """Where all is taken, one that has its share does not push out others; an IPv6 client is its /64."""
    room = Room(2, 1, (ip_network("10.0.0.0/8"),))
    room.open["127.0.0.2"] = room.open[client("2001:db8::1")] = 1
    assert room.full("127.0.0.2") == room.full(client("2001:db8::2")) == "connections of a client"
    assert room.full("127.0.0.3") == "connections"
    room.open["10.1.2.3"] = 5
    assert room.full("10.1.2.3") == "connections"


@pytest.mark.parametrize("proxy", ["::1", "2001:db8::5", "::ffff:10.0.0.1"])
def test_a_proxy_with_an_ipv6_address_stands_for_many_too(proxy: str) -> None:
    """It has no share, and takes none of that of the clients in its /64."""
    room = Room(100, 2, (ip_network("10.0.0.1"), ip_network("::1"), ip_network("2001:db8::5")))
    room.open[room.whose(proxy)] = 50
    assert room.full(proxy) == ""
    assert room.full("2001:db8::6") == ""
    room.open[room.whose("2001:db8::6")] = 2
    assert room.full("2001:db8::7") == "connections of a client"
    assert room.full("fe80::1%eth0") == ""
