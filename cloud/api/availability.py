"""What is answered while a store does not: 503 with its name, within two seconds, whatever hangs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from http import HTTPStatus

import prometheus_client
import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api.auth import STATES
from cloud.api.context import Context
from cloud.api.problems import HEADERS, Problem
from cloud.health import Health, first_line
from cloud.platform import database
from cloud.telemetry.base import StoreDown
from contract import coded

log = structlog.get_logger()
ASK_AFTER = 1.0
"""Seconds that a request takes until the stores that it needs are asked whether they answer, and again until it ends."""
ASK_WITHIN = 0.8
"""Seconds that they have for it."""
LONGEST = 120.0
"""Seconds that any request may take until its answer begins."""
RETRY_AFTER = "5"
LOG_EVERY = 60.0
UNANSWERED = prometheus_client.Counter("jieyue_http_unavailable", "Requests answered 503, by the store that did not answer.", ["store"])
_AWAY = {"database": coded.Message("problem.database_away"), "telemetry": coded.Message("problem.telemetry_away")}
_DOWN = (StoreDown, *database.DOWN)


_TELEMETRY = "jieyue.telemetry"
"""Stands in the scope of a request that needs the time-series store."""


async def reads_telemetry(request: Request) -> None:
    """A dependency of each route that reads the time-series store: nobody else waits in vain while that hangs."""
    request.scope[_TELEMETRY] = True


class _AbandonedError(Exception):
    """Ends a request that was answered without waiting for it, once the thread that hung in a store comes back."""


class _Answer:
    """The way of an answer to the caller, until somebody else gives one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.closed = False

    async def send(self, message: Message) -> None:
        if self.closed:
            raise _AbandonedError
        self.begun = True
        await self._send(message)


class Available:
    """Refuses at once what a silent database cannot answer, and does not let a caller wait for a store that hangs.

    A request whose thread hangs is left to end by itself: its answer is thrown away. There are never more of them than
    came in until the store was known to be silent.
    """

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._health = app, context.health
        self._abandoned: set[asyncio.Task[None]] = set()
        self._logged: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and answer in its place where that is needed."""
        if scope["type"] != "http" or scope["path"] in STATES:
            await self._app(scope, receive, send)
        elif self._health is not None and not _form(scope) and (name := self._health.silent()) is not None:
            await self._unavailable(name)(scope, receive, send)
        else:
            await self._watched(scope, receive, send)

    async def _watched(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        task = asyncio.ensure_future(_run(self._app, scope, receive, answer.send))
        why: str | None = None
        try:
            why = await _outcome(self._health, task, answer, scope)
        except _DOWN as error:
            if answer.begun:
                raise
            why = self._name(error)
        finally:
            answer.closed = True
            if not task.done():
                self._abandon(task, stop=why is None)
        if why is not None:
            await self._unavailable(why)(scope, receive, send)

    def _name(self, error: Exception) -> str:
        name = "telemetry" if isinstance(error, StoreDown) else "database"
        if time.monotonic() - self._logged.get(name, -LOG_EVERY) >= LOG_EVERY:
            self._logged[name] = time.monotonic()
            log.error("a store cannot be asked", store=name, reason=first_line(error))
        return name

    def _abandon(self, task: asyncio.Task[None], *, stop: bool) -> None:
        """Nobody waits for it any more. One that was answered keeps its thread and its room until the thread comes back."""
        self._abandoned.add(task)
        task.add_done_callback(self._over)
        if stop:
            task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()  # nobody waits for it any more

    def _unavailable(self, name: str) -> Problem:
        UNANSWERED.labels(name).inc()
        message = _AWAY.get(name) or coded.Message("problem.no_answer", seconds=round(LONGEST))
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, message, headers={"Retry-After": RETRY_AFTER, **HEADERS})


def _form(scope: Scope) -> bool:
    """Whether the login form is asked for, which is shown without a store."""
    return bool(scope["path"] == "/login" and scope["method"] == "GET")


async def _run(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    with contextlib.suppress(_AbandonedError):
        await app(scope, receive, send)


async def _outcome(health: Health | None, task: asyncio.Task[None], answer: _Answer, scope: Scope) -> str | None:
    """Wait for a request; None when it ended or its answer began and ended, else the store that it waits for in vain.

    Raises:
        Exception: As the request did.
    """
    began = time.monotonic()
    while health is not None and not answer.begun:
        await asyncio.wait({task}, timeout=ASK_AFTER)
        if task.done():
            break
        silent = None if answer.begun else await health.silent_now(ASK_WITHIN, telemetry=_TELEMETRY in scope)
        if silent is not None and not (task.done() or answer.begun):
            return silent
        if not answer.begun and time.monotonic() - began > LONGEST:
            return "time"
    await task
    return None
