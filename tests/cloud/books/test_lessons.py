"""Where something else is known about a counter from a moment on, the ledger says the same live and counted anew."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import book, export
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.export import write_back
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.telemetry.base import StoreDown, Telemetry
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

MARCH = parse_time("2026-03-01T00:00:00+08:00")
LESSON = parse_time("2026-04-01T04:00:00+08:00")
QUARTER = HOUR_MS // 4
EXCHANGED = 40 * DAY_MS


def office(at: int) -> float:
    """Used in a quarter of an hour, kWh."""
    return 0.5 if 8 <= (at // HOUR_MS + 8) % 24 < 18 else 0.2


def exchanged() -> dict[int, float]:
    """50 days of a counter that shows whole kWh; on the 41st somebody puts in another meter, which shows 20, and tells nobody."""
    shown, value = {}, 5000.0
    for at in range(MARCH, MARCH + 50 * DAY_MS, QUARTER):
        value = 20.0 if at == MARCH + EXCHANGED else value + office(at)
        shown[at] = float(int(value))
    return shown


def live(books: Books, meter: str, shown: dict[int, float]) -> None:
    """Settled every day at 04:00."""
    for end in range(MARCH + 4 * HOUR_MS, max(shown) + DAY_MS, DAY_MS):
        books.read(meter, {at: value for at, value in shown.items() if end - DAY_MS <= at < end})
        books.settle()


def test_what_a_month_taught_holds_from_then_on_also_when_all_is_counted_anew(books: Books) -> None:
    """A new meter shows more than March's busiest hours could draw: a fall, asked about, and no reset to what it shows (A9)."""
    shown = exchanged()
    live(books, "power", shown)
    assert [row for (row,) in books.rows(sa.select(tables.learnt.c.valid_from))] == [LESSON]
    before = books.whole("power")
    assert [one.kind for one in books.findings()] == ["fall"]
    books.touch("power", {at // HOUR_MS * HOUR_MS for at in shown})
    books.settle()
    assert books.whole("power") == before
    assert books.built_anew("power", shown) == before


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_crash_between_two_lessons_leaves_the_rest_to_be_counted(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store goes away after the hours before the lesson were counted: the others still wait, and nothing differs in the end."""
    shown = exchanged()
    live(books, "power", shown)
    before = books.whole("power")
    books.empty()
    books.touch("power", {at // HOUR_MS * HOUR_MS for at in shown if at < LESSON})
    calls: list[object] = []

    def once(telemetry: Telemetry, changes: Sequence[export.Change]) -> None:
        if calls:
            raise StoreDown("gone")
        calls.append(changes)
        write_back(telemetry, changes)

    with monkeypatch.context() as patch:
        patch.setattr("cloud.ledger.rows.write_back", once)
        with pytest.raises(StoreDown):
            books.settle()
    assert books.rows(sa.select(sa.func.min(tables.touched.c.hour))) == [(LESSON,)]
    books.touch("power", {at // HOUR_MS * HOUR_MS for at in shown if at >= LESSON})
    books.settle()
    assert books.whole("power") == before
    assert book.backlog(books.engine) == 0


def test_a_new_meter_is_not_judged_by_the_steps_of_the_old(books: Books) -> None:
    """At 900 000 m3 a float32 moves by 63 L; the meter put in its place moves by 100 L, each a use and no noise (A9, A12)."""
    shown, value, change = {}, 900_000.0, MARCH + 10 * DAY_MS
    for hour in range(MARCH, MARCH + 40 * DAY_MS, HOUR_MS):
        if hour == change + HOUR_MS:
            last, value = value, 0.0
        value += 0.09 if 8 <= (hour // HOUR_MS + 8) % 24 < 18 else 0.02
        told = int(value * 10 + 1e-6) / 10 if hour > change else value
        shown[hour] = struct.unpack("f", struct.pack("f", told))[0]
    live(books, "water", {at: value for at, value in shown.items() if at < change + 2 * DAY_MS})
    record_exchange(books.engine, Change(key("water"), change + HOUR_MS // 2, last, 0.0, "worn"), "wang", change + 3 * DAY_MS)
    live(books, "water", {at: value for at, value in shown.items() if at >= change + 2 * DAY_MS})
    before = books.whole("water")
    assert sum(amount for _, _, amount in books.parts("water")) == pytest.approx(40 * 1180, rel=0.01)
    assert books.built_anew("water", shown) == before
