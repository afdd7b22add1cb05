"""Event streams: one task reads a topic for all who listen, all get the same bytes, and there are only so many places."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import prometheus_client
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cloud.accounts.model import Principal
from cloud.api.problems import Problem
from cloud.platform.database import DOWN
from cloud.telemetry.base import StoreDown
from contract.coded import Message

log = structlog.get_logger()
MOST_OF_ONE = 20
"""Streams of one token."""
RETRY_AFTER = 10
"""Seconds after which who was refused may ask again."""
WAITING = 64
"""Events that may wait for a slow page; then it is dropped, and asks for the whole when it comes back."""
_SLICE = 65_536
"""Bytes handed to a connection at once: what a slow page has not taken yet is nowhere copied as a whole."""
_AWAY = (*DOWN, StoreDown)
_RETRY = b"retry: 1000\n\n"
_NOTHING = b": nothing changed\n\n"
OPEN = prometheus_client.Gauge("jieyue_event_streams_open", "Event streams that are open.")
REFUSED = prometheus_client.Counter("jieyue_event_streams_refused", "Event streams refused since too many were open.")
DROPPED = prometheus_client.Counter("jieyue_event_streams_dropped", "Event streams ended since their page was too slow.")


class Feed(Protocol):
    """What a topic says; both are called in a thread, never at the same time."""

    def look(self) -> bytes:
        """Events of what changed since the last look; empty if nothing did."""

    def whole(self) -> bytes:
        """Events of all there is, as of the last look."""


@dataclass(eq=False, slots=True)
class _Listener:
    """A stream: whose it is, and what waits for it; None ends it."""

    principal: Principal
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(WAITING))

    def tell(self, event: bytes) -> bool:
        """Whether there was room."""
        if self.queue.full():
            self.end()
            return False
        self.queue.put_nowait(event)
        return True

    def end(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class Reader:
    """Reads one topic while anybody listens."""

    def __init__(self, make: Callable[[], Feed], period: float, valid: Callable[[Collection[int]], set[int]]) -> None:
        """Nothing is read yet.

        Args:
            make: A feed that has read nothing; asked for whenever the first one listens.
            period: Seconds between two looks.
            valid: Which of some tokens still hold, by their ids.
        """
        self._make, self._period, self._valid = make, period, valid
        self._feed: Feed | None = None
        self._listeners: set[_Listener] = set()
        self._joining = 0
        """Listeners that wait for all there is."""
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def listen(self, principal: Principal) -> AsyncGenerator[bytes, None]:
        """All there is, then what changes, until the token is revoked or the page is too slow; nothing while a store is away."""
        yield _RETRY
        listener = _Listener(principal)
        try:
            event: bytes | None = await self._join(listener)
            while event is not None:
                for start in range(0, len(event), _SLICE):
                    yield event[start : start + _SLICE]
                event = await listener.queue.get()
        except _AWAY as error:
            log.debug("event streams wait", reason=str(error).splitlines()[0])  # the page asks again
        finally:
            self._leave(listener)

    async def _join(self, listener: _Listener) -> bytes:
        self._joining += 1
        try:
            async with self._lock:
                if self._feed is None:
                    feed = self._make()
                    await run_in_threadpool(feed.look)
                    self._feed = feed
                whole = await run_in_threadpool(self._feed.whole)
                self._listeners.add(listener)
        finally:
            self._joining -= 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="event streams")
        return whole

    def _leave(self, listener: _Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and not self._joining and self._task is not None:
            self._task.cancel()
            self._task = self._feed = None

    async def _run(self) -> None:
        """Look until nobody listens; while the database is away nothing is said, and nothing is missed."""
        while True:
            await asyncio.sleep(self._period)
            try:
                await self.turn()
            except _AWAY as error:
                log.debug("event streams wait", reason=str(error).splitlines()[0])
            except Exception:
                log.exception("event streams end")  # whatever is wrong, their pages ask again for the whole
                self._feed = None
                for listener in self._listeners:
                    listener.end()
                return

    async def turn(self) -> None:
        """Look once, and tell everybody."""
        async with self._lock:
            if self._feed is None:
                return
            still = await run_in_threadpool(self._valid, {listener.principal.id for listener in self._listeners})
            event = await run_in_threadpool(self._feed.look)
            for listener in list(self._listeners):
                if listener.principal.id not in still:
                    listener.end()
                elif event or listener.queue.empty():
                    DROPPED.inc(not listener.tell(event or _NOTHING))


@dataclass
class Places:
    """How many streams may be open, in all and of one token."""

    most: int
    taken: Counter[int] = field(default_factory=Counter)

    def take(self, principal: Principal) -> Problem | None:
        """Take a place; or why there is none."""
        headers = {"Retry-After": str(RETRY_AFTER)}
        if self.taken[principal.id] >= MOST_OF_ONE:
            REFUSED.inc()
            return Problem(HTTPStatus.TOO_MANY_REQUESTS, Message("problem.streams_of_token", most=MOST_OF_ONE), headers=headers)
        if self.taken.total() >= self.most:
            REFUSED.inc()
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, Message("problem.streams", most=self.most), headers=headers)
        self.taken[principal.id] += 1
        OPEN.inc()
        return None

    def leave(self, principal: Principal) -> None:
        """Give a place back."""
        self.taken -= Counter([principal.id])  # which forgets who has none
        OPEN.dec()


class EventStream(StreamingResponse):
    """A stream as an answer; it has its place until its connection is over."""

    def __init__(self, reader: Reader, places: Places, principal: Principal) -> None:
        super().__init__(reader.listen(principal), media_type="text/event-stream")
        self._places, self._principal = places, principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with events, or with a problem where there is no place."""
        refused = self._places.take(self._principal)
        if refused is not None:
            await refused(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.leave(self._principal)
