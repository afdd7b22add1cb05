from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cloud.ledger import book, rounds, worker
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.keeping import Keep, thin
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError
from cloud.platform.database import writing
from cloud.telemetry.base import Sample, StoreDown
from contract.clock import Clock, parse_time
from contract.logs import Seldom
from tests.cloud import tables
from tests.cloud.district import key
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2026-03-01T00:00:00+08:00")


def working(books: Books, wake: asyncio.Event, state: worker.State) -> AbstractAsyncContextManager[None]:
    """The worker runs meanwhile."""
    return beside(worker.run(books.engine, books.telemetry, Clock(), wake, state))


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
    async with working(books, wake, state):
        await until(lambda: bool(state.down))
        assert (state.backlog, state.down) == (2, "no answer")
        down = False
        await until(lambda: state.settled == 2)
        books.read("power", {BEGIN + 2 * HOUR_MS: 4.0})
        wake.set()
        await until(lambda: state.settled >= 3 and not state.backlog)
    assert state.down == ""
    assert [amount for _, _, amount in books.parts("power")] == [1000, 2000]


async def test_a_long_catch_up_is_told_with_what_is_left(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it takes long, a line at most so often says how many hours are left and at which rate; the metric counts what was settled."""
    monkeypatch.setattr(worker, "TELL_EVERY", 0.0)
    monkeypatch.setattr(rounds, "LONGEST", 10)
    state, before = worker.State(), worker.SETTLED._value.get()
    books.read("power", {BEGIN + n * HOUR_MS: float(n) for n in range(40)})
    with capture_logs() as logs:
        async with working(books, asyncio.Event(), state):
            await until(lambda: state.settled == 40 and not state.backlog)
    told = [line for line in logs if line["event"] == "the ledger catches up"]
    assert [line["hours_left"] for line in told] == [30, 20, 10, 0]
    assert all(line["hours_per_second"] > 0 for line in told)
    assert told[-1]["seconds_left"] == 0
    assert worker.SETTLED._value.get() - before == 40


async def test_a_short_catch_up_is_not_told(books: Books) -> None:
    """What takes less than the time between two lines needs none."""
    state = worker.State()
    books.read("power", {BEGIN + n * HOUR_MS: float(n) for n in range(40)})
    with capture_logs() as logs:
        async with working(books, asyncio.Event(), state):
            await until(lambda: state.settled == 40)
    assert logs == []


async def test_history_is_waited_for(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """While thousands of hours come in, settling waits until they stop."""
    counts = iter([5000, 9000, 13_000, 13_100])
    monkeypatch.setattr(worker, "CALM", 0.01)
    monkeypatch.setattr(book, "backlog", lambda _engine: next(counts))
    state = worker.State()
    await worker._calm(books.engine, state)
    assert state.backlog == 13_100


def set_modulus(books: Books, value: float | None) -> None:
    """As an earlier version entered it."""
    meter = tables.meter
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(meter).where(meter.c.id == "power").values(modulus=value))


def waiting(books: Books) -> list[str]:
    return sorted(meter for (meter,) in books.rows(sa.select(tables.touched.c.meter)))


def test_settings_that_the_ledger_cannot_take_stop_their_meter_only(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are settled, even where its newer hours fill a pass; it is told once an hour, and counted when it is right again."""
    monkeypatch.setattr(rounds, "_FAULTS", Seldom(3600.0))
    set_modulus(books, 2.0**64)
    books.read("water", {BEGIN: 1.0, BEGIN + HOUR_MS: 2.0})
    books.read("power", {BEGIN + n * HOUR_MS: float(n) for n in range(2, 5)})
    with capture_logs() as logs:
        assert [book.settle(books.engine, books.telemetry, 2) for _ in range(2)] == [2, 0]
    assert [(line["event"], line["meter"], line["reason"]) for line in logs] == [
        (
            "a meter cannot be counted; its hours wait until its settings are right",
            "power",
            "electricity: 1.8446744073709552e+19 kWh does not fit the ledger (int64 of Wh)",
        )
    ]
    assert [amount for _, _, amount in books.parts("water")] == [1000]
    assert (books.parts("power"), waiting(books)) == ([], ["power"] * 3)
    set_modulus(books, None)
    assert books.settle() == 3
    assert ([amount for _, _, amount in books.parts("power")], waiting(books)) == ([1000, 1000], [])


def test_a_meter_that_cannot_be_counted_keeps_its_readings_and_has_no_exchange(books: Books) -> None:
    """Nobody knows yet which of them its ledger will need, or what its counter may do."""
    readings = {BEGIN + n * 60_000: 100 + 0.01 * n for n in range(2 * 1440)}
    books.read("power", readings)
    books.settle()
    set_modulus(books, 2.0**64)
    now = BEGIN + 100 * DAY_MS
    assert thin(books.engine, books.telemetry, Keep(90, 0), now).counters == 0
    with pytest.raises(RecordError, match=r"^meter: expected one that the ledger can count: electricity: 1\.8"):
        record_exchange(books.engine, Change(key("power"), BEGIN + HOUR_MS, 100.6, 0.0, "broken"), "wang", now)
    set_modulus(books, None)
    assert thin(books.engine, books.telemetry, Keep(90, 0), now).counters > 0
