"""A long list of touched hours is counted in rounds: what it costs follows from its hours, and a kill loses and repeats little."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from cloud.ledger import book, rounds
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.platform.database import writing
from contract.clock import parse_time
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2025-03-01T00:00:00+08:00")
LIMIT = 100_000
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def counting(hours: int, every: int = HOUR_MS) -> dict[int, float]:
    """A sound counter, busier towards the end of each day."""
    samples, value = {}, 1000.0
    for at in range(BEGIN, BEGIN + hours * HOUR_MS, every):
        samples[at] = round(value, 3)
        value += (2 + at // HOUR_MS % 24 / 10) * every / HOUR_MS
    return samples


@contextmanager
def watched(books: Books, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts statements and transactions of the database, and transactions of the time-series store."""
    done: Counter[str] = Counter()
    really: Callable[..., None] = books.telemetry.write_figures

    def noted(what: str, go_on: Callable[..., object] = lambda *_: None) -> Callable[..., Any]:
        return lambda *asked: done.update([what]) or go_on(*asked)

    listeners = [("before_cursor_execute", noted("statements")), ("commit", noted("transactions"))]
    for event, listener in listeners:
        sa.event.listen(books.engine, event, listener)
    with monkeypatch.context() as patch:
        patch.setattr(books.telemetry, "write_figures", noted("figures", really))
        yield done
    for event, listener in listeners:
        sa.event.remove(books.engine, event, listener)


def test_what_catching_up_costs_follows_from_hours_and_not_from_meters(
    books_of: Callable[[int], Books], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the meters with a tenth of the hours each need at most a fifth more statements and transactions."""
    monkeypatch.setattr(rounds, "LONGEST", 100)
    monkeypatch.setattr(rounds, "BATCH", 400)
    spent = []
    for number, hours in ((2, 1000), (20, 100)):
        books = books_of(number)
        for meter in books.site.meters:
            books.read(meter.id, counting(hours))
        with watched(books, monkeypatch) as done:
            assert book.settle(books.engine, books.telemetry, LIMIT) == 2000
        spent.append(done)
    few, many = spent
    assert {what: (few[what], many[what]) for what in few if many[what] > 1.2 * few[what]} == {}
    assert few.keys() == many.keys() == {"statements", "transactions", "figures"}


def test_hours_of_many_meters_that_came_just_now_are_one_transaction(
    books_of: Callable[[int], Books], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is live costs a transaction for all, not one or two for each meter."""
    books = books_of(30)
    for meter in books.site.meters:
        books.read(meter.id, counting(2))
    with watched(books, monkeypatch) as done:
        assert book.settle(books.engine, books.telemetry, LIMIT) == 60
    assert (done["transactions"], done["figures"]) == (1, 2)


@SQLITE
def test_what_is_read_at_once_does_not_grow_with_the_range(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter with a sample a minute is read a few days at a time, however long its history is."""
    monkeypatch.setattr(rounds, "SAMPLES", 48 * 60)
    most, really = [0, 0], books.telemetry.counter_samples

    def noted(*asked: Any) -> list[tuple[int, float]]:  # noqa: ANN401 (passed on)
        found = really(*asked)
        most[-1] = max(most[-1], len(found))
        return found

    monkeypatch.setattr(books.telemetry, "counter_samples", noted)
    for place, days in enumerate((6, 24)):
        most[place:] = [0]
        books.empty()
        books.read("power", counting(24 * days, every=HOUR_MS // 60))
        assert books.settle() == 24 * days
    assert most[0] == most[1] <= (48 + 2 * 24) * 60


@SQLITE
def test_a_device_that_is_asked_often_has_shorter_turns(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval of a meter's device says how many samples its hours have: every 15 minutes, 40 samples are 10 hours."""
    monkeypatch.setattr(rounds, "SAMPLES", 40)
    books.read("far", counting(25, every=HOUR_MS // 4))
    assert list(rounds.round_of_turns(books.engine, books.telemetry)) == [rounds.Taken(10, more=True)]
    assert [hour for (hour,) in books.rows(sa.select(sa.func.max(tables.touched.c.hour)))] == [BEGIN + 14 * HOUR_MS]


def test_a_long_history_does_not_hold_back_the_hours_of_others(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A meter with months that wait has one turn a round, of its newest hours; what the others used just now is settled in each."""
    monkeypatch.setattr(rounds, "LONGEST", 50)
    monkeypatch.setattr(rounds, "BATCH", 50)
    now = BEGIN + 500 * HOUR_MS
    books.read("power", counting(500))
    rest = []
    for number in range(3):
        live = {now + number * HOUR_MS: 5.0 + number, now + (number + 1) * HOUR_MS - 1: 6.0 + number}
        books.read("water", live)
        list(rounds.round_of_turns(books.engine, books.telemetry))
        assert max(hour for hour, _, _ in books.parts("water")) == now + number * HOUR_MS
        rest += [(book.backlog(books.engine), *books.rows(sa.select(sa.func.max(tables.touched.c.hour)))[0])]
    assert rest == [(500 - 50 * turns, now - (50 * turns + 1) * HOUR_MS) for turns in (1, 2, 3)]


@SQLITE
def test_a_month_teaches_once_all_of_it_is_counted(books: Books) -> None:
    """Counted newest first, a month whose first days still wait teaches nothing yet: its busiest hour may be among them."""
    samples, value = {}, 1000.0
    for at in range(BEGIN, BEGIN + 40 * DAY_MS, HOUR_MS):
        value += 30.0 if at == BEGIN + 5 * HOUR_MS else 2 + at // HOUR_MS % 24 / 10
        samples[at] = value
    books.read("power", samples)
    while book.settle(books.engine, books.telemetry, 100):
        pass
    assert books.rows(sa.select(tables.learnt.c.rate)) == [(3 * 30_000,)]


KILLED = """
import sys
from pathlib import Path
from cloud.ledger import book, rounds
from cloud.platform.database import open_database
from cloud.telemetry.sqlite import SqliteTelemetry
rounds.LONGEST = rounds.BATCH = 20
book.settle(open_database(sys.argv[1]), SqliteTelemetry(Path(sys.argv[2])), 100_000)
"""


def broken_off() -> dict[str, dict[int, float]]:
    """50 days of two meters with a gap, a reset and a time in which the counter stood."""
    power, water = counting(1200), counting(1200)
    gap = {at: value for at, value in power.items() if not 300 <= (at - BEGIN) // HOUR_MS < 360}
    reset = {at: value - 2000.0 if at >= BEGIN + 600 * HOUR_MS else value for at, value in gap.items()}
    stood = {at: min(value, water[BEGIN + 800 * HOUR_MS]) if at < BEGIN + 900 * HOUR_MS else value for at, value in water.items()}
    return {"power": reset, "water": stood}


def everything(books: Books) -> list[object]:
    """All that settling wrote; a share of 0 may be written or not."""
    figures = books.telemetry._read("SELECT measurement, tags, ts, field, value FROM figure WHERE field = 'value' OR value <> 0", ())
    return [books.whole("power"), books.whole("water"), sorted(figures), sorted(books.rows(sa.select(tables.learnt)))]


def test_a_kill_in_the_middle_loses_nothing_and_repeats_little(books: Books) -> None:
    """Killed while it catches up, the ledger has each hour or its place on the list, goes on, and is that of an undisturbed run."""
    for meter, samples in broken_off().items():
        books.read(meter, samples)
    touched = books.rows(sa.select(tables.touched))
    books.settle()
    undisturbed = everything(books)
    books.empty()
    with writing(books.engine).begin() as connection:
        connection.execute(sa.delete(tables.learnt))
        connection.execute(
            sa.insert(tables.touched), [dict(zip(("grp", "meter", "hour", "generation"), row, strict=True)) for row in touched]
        )
    with books.telemetry._transaction():
        books.telemetry._writer.execute("DELETE FROM figure")
    url = books.engine.url.render_as_string(hide_password=False)
    killed = subprocess.Popen([sys.executable, "-c", KILLED, url, str(books.telemetry._path)])
    try:
        deadline = time.monotonic() + 60
        while book.backlog(books.engine) > len(touched) * 2 // 3 and time.monotonic() < deadline:
            assert killed.poll() is None
    finally:
        killed.kill()
        killed.wait()
    left = book.backlog(books.engine)
    assert 0 < left <= len(touched) * 2 // 3
    counted, waiting = tables.ledger_hour.c, tables.touched.c
    both = sa.select(counted.hour).join(tables.touched, sa.and_(waiting.meter == counted.meter, waiting.hour == counted.hour))
    assert len(books.rows(both)) <= 2 * len(broken_off())  # a turn begins at the last sample before its hours
    assert books.settle() == left
    assert everything(books) == undisturbed
