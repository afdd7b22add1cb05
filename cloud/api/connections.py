"""What one connection, one client and all of them together may take of the interface, before there is a request to answer.

uvicorn has no limit for the head of a request where httptools reads it, and none for how long it may come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import islice
from typing import Any, cast

import orjson
import prometheus_client
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloud.api.brake import client
from cloud.api.problems import body
from contract.coded import Message

log = structlog.get_logger()
HEAD_BYTES = 32_768
"""Of a request's first line and headers together."""
HEADERS = 100
REQUEST_BYTES = 262_144
"""Of a whole request with all that frames its body; a body has far fewer, and whoever sends a part without end sends more."""
PIPELINED = 16
"""Requests of a connection that wait for the answer to an earlier one."""
_SLICE = 16_384
"""Bytes that are read before it is asked again whether the connection may go on."""
REQUEST_SECONDS = 30.0
"""From the first byte of a request, or from the connection, to its last byte."""
UNREAD_SECONDS = 60.0
"""Within which a client must read the rest of an answer, or at least `LEAST_READ` bytes of it."""
LEAST_READ = 65_536
OPEN = prometheus_client.Gauge("jieyue_http_connections", "Connections to the interface.")
REFUSED = prometheus_client.Counter("jieyue_http_connections_refused", "Connections closed for a limit.", ["limit"])
LOG_EVERY = 60.0


@dataclass
class Room:
    """How many connections there may be, and are.

    Attributes:
        most: In all; a new one is then given the room of one that rests between two requests, else of the one that waits longest for
            the rest of its request.
        most_of_client: Of one address, but for proxies, whose address stands for many.
        proxies: Where these are.
    """

    most: int
    most_of_client: int
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    open: Counter[str] = field(default_factory=Counter)
    waiting: dict[Bounded, None] = field(default_factory=dict)
    """Connections whose request is not whole, the oldest first."""
    idle: dict[Bounded, None] = field(default_factory=dict)
    """Connections whose request was answered and that may bring another one, the oldest first (RFC 9112, 9.5: either side may close)."""
    _logged: dict[str, float] = field(default_factory=dict)

    def full(self, address: str) -> str:
        """The limit that one more connection of an address would break; empty if it breaks none."""
        if self.open[self.whose(address)] >= self.most_of_client and not self._proxy(address):
            return "connections of a client"
        return "connections" if self.open.total() >= self.most else ""

    def made(self) -> bool:
        """Whether another connection gave way."""
        for connection in (*islice(self.idle, 1), *islice(self.waiting, 1)):
            connection.give_way()
            return True
        return False

    def whose(self, address: str) -> str:
        """By what the connections of an address are counted: a proxy's own address, else the client that it stands for."""
        return address if self._proxy(address) else client(address)

    def _proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:  # the name of a client, or of none
            return False
        mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
        return any((mapped or found) in network for network in self.proxies)

    def refuse(self, limit: str, client: str) -> None:
        """Count a connection that is closed for a limit; the same limit is logged once a minute."""
        REFUSED.labels(limit).inc()
        now = asyncio.get_running_loop().time()
        if now - self._logged.get(limit, -LOG_EVERY) >= LOG_EVERY:
            self._logged[limit] = now
            log.warning("a connection is closed", limit=limit, client=client, open=self.open.total())


_ANSWERS = {
    "connections": (HTTPStatus.SERVICE_UNAVAILABLE, Message("problem.connections")),
    "connections of a client": (HTTPStatus.TOO_MANY_REQUESTS, Message("problem.connections_of_client")),
    "head bytes": (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Message("problem.head", most=HEAD_BYTES)),
    "headers": (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Message("problem.headers", most=HEADERS)),
    "request bytes": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Message("problem.request", most=REQUEST_BYTES)),
    "request seconds": (HTTPStatus.REQUEST_TIMEOUT, Message("problem.request_time", seconds=round(REQUEST_SECONDS))),
}


class Counted:
    """A transport that knows how many bytes of it the client took; the rest of its methods are the transport's own."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written = 0
        """Bytes that were given to it so far."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (whatever the transport has)
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Count the bytes, and write them."""
        self.written += len(data)
        self._transport.write(data)

    def read(self) -> int:
        """Bytes that left the buffer so far, for the client or the kernel, which holds them for it."""
        return self.written - self._transport.get_write_buffer_size()


class Bounded(HttpToolsProtocol):
    """A connection within limits; `bounded` makes the class that knows how much room there is."""

    room: Room

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or answer that there is no room."""
        super().connection_made(transport)
        self._counted = Counted(transport)
        self.transport = cast("asyncio.Transport", self._counted)
        self._head: int | None = 0
        self._size = self._headers = self._wanted = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        address = self.client[0] if self.client else ""
        self._address, limit = self.room.whose(address), self.room.full(address)
        self.room.open[self._address] += 1
        OPEN.set(self.room.open.total())
        if limit and not (limit == "connections" and self.room.made()):
            self._refuse(limit)
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back its room."""
        super().connection_lost(exc)
        self.room.open[self._address] -= 1
        if not self.room.open[self._address]:
            del self.room.open[self._address]
        OPEN.set(self.room.open.total())
        self.room.idle.pop(self, None)
        self._whole()
        self._watch_no_more()

    def data_received(self, data: bytes) -> None:
        """Read on while a request is within its limits; what comes between two requests must become one in time as well."""
        for start in range(0, len(data), _SLICE):
            self._received(data[start : start + _SLICE])

    def _received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.room.idle.pop(self, None)
        self._size += len(data)
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > HEAD_BYTES:
            self._refuse("head bytes")
        elif self._size > REQUEST_BYTES:
            self._refuse("request bytes")
        elif self._deadline is None and self.timeout_keep_alive_task is None and (self.cycle is None or self.cycle.response_complete):
            self._expect()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._headers = 0
        if self._head is None:
            self._head = 0
        if self._deadline is None:
            self._expect()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header that is not one too many."""
        self._headers += 1
        if self._headers <= HEADERS:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, or refuse it before anybody works on it."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self._headers > HEADERS:
            self._refuse("headers")
        elif size > HEAD_BYTES:
            self._refuse("head bytes")
        elif len(self.pipeline) >= PIPELINED:
            self._refuse("pipelined requests")
        elif not self.transport.is_closing():
            self._head = None
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body of a request that was handed on."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._size = 0
        self._whole()
        if self.cycle is not None:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """The client reads slower than the answer is made."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client reads again; what is left has a time of its own."""
        super().resume_writing()
        self._watch_no_more()
        self._watch()

    def on_response_complete(self) -> None:
        """An answer was made; its rest may still wait for the client, behind a close too."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None and self._deadline is None:
            self.room.idle[self] = None
        self._watch()

    def give_way(self) -> None:
        """Leave the room to another connection; one that rests is closed without an answer, since nothing was asked."""
        if self in self.room.idle:
            del self.room.idle[self]
            self.room.refuse("connections", self._address)
            self.transport.close()
        else:
            self._refuse("connections")

    def _expect(self) -> None:
        self.room.waiting[self] = None
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._refuse, "request seconds")

    def _whole(self) -> None:
        self.room.waiting.pop(self, None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _watch(self) -> None:
        """See after a while how much of the answer was read.

        What was watched before and has been read is watched no more, so that what waits now has its whole time. Nobody is told when the
        buffer becomes empty, so that is seen here.
        """
        if self._unread is not None and self._counted.read() >= self._wanted:
            self._watch_no_more()
        left = self.transport.get_write_buffer_size()
        if left and self._unread is None:
            self._wanted = self._counted.read() + min(left, LEAST_READ)
            self._unread = self.loop.call_later(UNREAD_SECONDS, self._look)

    def _watch_no_more(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _look(self) -> None:
        self._unread = None
        if self._counted.read() < self._wanted:
            self.room.refuse("unread answer", self._address)
            self.transport.abort()
        else:
            self._watch()

    def _refuse(self, limit: str) -> None:
        """Close, with an answer where none was begun; to one of several requests it would answer another (RFC 9112, 9.3.2)."""
        self._whole()
        if self.transport.is_closing():
            return
        self.room.refuse(limit, self._address)
        if not self.pipeline and (self.cycle is None or self.cycle.response_complete or not self.cycle.response_started):
            self.transport.write(_answer(*_ANSWERS[limit]))
        self.transport.close()
        self._watch()


def _answer(status: HTTPStatus, message: Message) -> bytes:
    """A problem (RFC 9457) that ends the connection."""
    said = orjson.dumps(body(status.value, message))
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(said)}\r\n"
    later = "Retry-After: 5\r\n" if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS} else ""
    return f"{head}{later}Connection: close\r\n\r\n".encode() + said


def bounded(room: Room) -> type[HttpToolsProtocol]:
    """The protocol class of a server with so much room."""
    members: dict[str, Any] = {"room": room}
    return type("BoundedHere", (Bounded,), members)
