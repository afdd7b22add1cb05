"""What is answered while a store does not answer, or a request does not end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from cloud.accounts.model import Role
from cloud.api import availability
from cloud.api.app import create_app
from cloud.api.availability import Available
from cloud.api.context import Context
from cloud.health import Health
from cloud.platform.database import open_database
from cloud.telemetry.base import Breaker, StoreDown
from cloud.telemetry.sqlite import MOST_READERS, SqliteTelemetry
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
async def watched(context: Context) -> AsyncIterator[Context]:
    """The context with its stores watched."""
    health = Health(context.engine, context.telemetry, context.clock)
    async with beside(health.run()):
        await until(lambda: health.down() is None)
        yield replace(context, health=health)


def _client(app: object) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://jieyue.test")  # type: ignore[arg-type]


async def test_no_request_takes_longer_than_it_may(watched: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """While all stores answer a request may take its time, up to a limit; what it answers later is thrown away."""
    monkeypatch.setattr(availability, "ASK_AFTER", 0.05)
    monkeypatch.setattr(availability, "LONGEST", 0.3)
    free, ended = asyncio.Event(), asyncio.Event()
    answered_late: list[bool] = []

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await free.wait()
            answered_late.append(True)
            await send({"type": "http.response.start", "status": 200, "headers": []})
        finally:
            ended.set()

    async with _client(Available(slow, watched)) as http:
        answer = await http.get("/api/v1/devices")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "no answer within 0 s"
    assert not ended.is_set()  # it keeps its thread and its room until it is through
    free.set()
    await ended.wait()
    assert answered_late == [True]


class _Hung:
    """A time-series store that hangs until it is let go, and then says that it is away."""

    def __init__(self) -> None:
        self.breaker, self.free = Breaker(), threading.Event()

    def ping(self, *_question: object) -> None:
        """Hang."""
        self.free.wait(60)
        raise StoreDown("let go")

    try_write = series = windows = ping


@pytest.fixture
def hung(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Context, asyncio.Event]]:
    """The context while telemetry hangs, and an event for when the stores were asked of a request for the second time."""
    monkeypatch.setattr(availability, "ASK_AFTER", 0.05)
    store = _Hung()
    health = Health(served.context.engine, store, served.context.clock)  # type: ignore[arg-type]
    asked, twice, really = 0, asyncio.Event(), health.silent_now

    async def counting(within: float, *, telemetry: bool) -> str | None:
        nonlocal asked
        found = await really(within, telemetry=telemetry)
        asked += 1
        if asked > 1:
            twice.set()
        return found

    monkeypatch.setattr(health, "silent_now", counting)
    yield replace(served.context, health=health, telemetry=store), twice  # type: ignore[arg-type]
    store.free.set()


async def test_a_question_to_the_database_does_not_need_the_other_store(hung: tuple[Context, asyncio.Event]) -> None:
    """A report, or a year of targets, may take its seconds though telemetry hangs."""
    context, twice = hung

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await twice.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async with _client(Available(slow, context)) as http:
        answer = await http.get("/api/v1/reports/targets")
    assert (answer.status_code, answer.text) == (200, "done")


async def test_who_asks_for_readings_does_not_wait_for_a_store_that_hangs(hung: tuple[Context, asyncio.Event], served: Served) -> None:
    """The question itself hangs in the time-series store: its answer is 503 with the store's name; devices are listed all the same."""
    span = {"device": "ac", "point": "setpoint", "start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
    async with _client(create_app(hung[0])) as http, asyncio.timeout(20):
        readings = await http.get("/api/v1/readings", params=span, headers=served.bearer(Role.VIEWER))
        listed = await http.get("/api/v1/devices", headers=served.bearer(Role.VIEWER))
    assert (readings.status_code, readings.json()["detail"]) == (503, "the time-series store cannot be asked now")
    assert (listed.status_code, bool(listed.json())) == (200, True)


async def test_a_database_that_cannot_be_asked_is_named_in_one_line(watched: Context) -> None:
    """An error of the database is 503 as a problem, whoever asked it: a route, or the guard before all routes."""
    app = FastAPI()
    app.add_middleware(Available, context=watched)

    @app.get("/broken")
    def broken() -> None:
        raise sa.exc.OperationalError("SELECT secret", {"token": "s3cret"}, Exception("disk I/O error"))

    async with _client(app) as http:
        answer = await http.get("/broken")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "the database cannot be asked now"
    assert "s3cret" not in answer.text


async def test_an_answer_that_began_is_not_begun_again(watched: Context) -> None:
    """A store that goes away in the middle of an answer ends it as it is."""

    async def half(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise sa.exc.OperationalError("", {}, Exception("gone"))

    async with _client(Available(half, watched)) as http:
        with pytest.raises(sa.exc.OperationalError):
            await http.get("/api/v1/devices")


async def test_busy_readers_are_no_store_that_is_silent(watched: Context) -> None:
    """While every connection for reading is in use, and every one of the database, both still answer whether they are there."""
    store, health = watched.telemetry, watched.health
    assert isinstance(store, SqliteTelemetry)
    assert health is not None
    held = [store._readers.get() for _ in range(MOST_READERS)]
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(watched.engine.connect())
        assert await health.silent_now(5.0, telemetry=True) is None
        assert health.down() is None
    for connection in held:
        store._readers.put(connection)


async def test_a_login_does_not_wait_for_a_silent_database(watched: Context) -> None:
    """It is 503 as everything else, its form is shown, and a right token is not counted as a guess."""
    gone = replace(watched, engine=open_database("sqlite:////nowhere/at/all.db"))
    async with _client(create_app(gone)) as http:
        form = await http.get("/login")
        tries = [await http.post("/login", data={"token": "jy_right"}) for _ in range(12)]
    assert form.status_code == 200
    assert {answer.status_code for answer in tries} == {503}
    gone.engine.dispose()
