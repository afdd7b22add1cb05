from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cloud.ledger import book, worker
from cloud.ledger.periods import HOUR_MS
from cloud.telemetry.base import Sample, StoreDown
from contract.clock import Clock, parse_time

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2026-03-01T00:00:00+08:00")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (the state is for looking at)
            await asyncio.sleep(0.01)


async def test_the_worker_settles_what_comes_and_outlives_a_store_that_is_down(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours touched before and after the start are settled; while the store is down they wait, and the state says so."""
    monkeypatch.setattr(worker, "FIRST_PAUSE", 0.01)
    state, wake = worker.State(), asyncio.Event()
    really, down = books.telemetry.counter_samples, True

    def samples(*arguments: object) -> list[Sample]:
        if down:
            raise StoreDown("no answer")
        return really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(books.telemetry, "counter_samples", samples)
    books.read("power", {BEGIN: 1.0, BEGIN + HOUR_MS: 2.0})
    running = asyncio.create_task(worker.run(books.engine, books.telemetry, Clock(), wake, state))
    await until(lambda: bool(state.down))
    assert (state.backlog, state.down) == (2, "no answer")
    down = False
    await until(lambda: state.settled == 2)
    books.read("power", {BEGIN + 2 * HOUR_MS: 4.0})
    wake.set()
    await until(lambda: state.settled >= 3 and not state.backlog)
    assert state.down == ""
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert [amount for _, _, amount in books.parts("power")] == [1000, 2000]


async def test_history_is_waited_for(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """While thousands of hours come in, settling waits until they stop."""
    counts = iter([5000, 9000, 13_000, 13_100])
    monkeypatch.setattr(worker, "CALM", 0.01)
    monkeypatch.setattr(book, "backlog", lambda _engine: next(counts))
    state = worker.State()
    await worker._calm(books.engine, state)
    assert state.backlog == 13_100
