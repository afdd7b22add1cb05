"""Exchanges that were recorded hours before they happened, of a meter whose branch may draw 630 kW."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import book
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.timed import Series, counter_samples
from cloud.platform.database import upsert, writing
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.books.test_exchanged_counters import KWH, MINUTE, NOW, counting
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloud.devices.clocks import Offset
    from cloud.telemetry.base import Telemetry
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
BEGIN = parse_time("2026-03-02T00:00:00+08:00")
PLACED = sa.select(tables.exchange.c.at, tables.exchange.c.placed_at)


def meters(changed: int, hours: int, old: float, every: int) -> dict[int, float]:
    """An old meter from BEGIN to the change, and a new one from 0 on; 2 kWh an hour."""
    before = counting(BEGIN, (changed - BEGIN) // HOUR_MS, old, every=every)
    after = counting(changed, hours - (changed - BEGIN) // HOUR_MS, 0.0, every=every)
    return {at: value for at, value in after.items() if at > changed} | before


def state(books: Books) -> list[object]:
    """All that the ledger holds of the meter, where the record is, and what is asked."""
    return [*books.whole("lights"), books.rows(PLACED), [(one.kind, one.start) for one in books.findings(NOW)]]


def rebuilt(books: Books, samples: dict[int, float]) -> list[object]:
    """The same from an empty ledger, all at once."""
    books.empty()
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(tables.exchange).values(placed_at=None))
    books.read("lights", samples)
    books.settle()
    return state(books)


@pytest.mark.parametrize(("removed", "every"), [(13, 15), (20, 5)])
@pytest.mark.parametrize("old", [988.0, 80.0])
def test_an_exchange_recorded_hours_early_waits_for_its_break(books: Books, removed: int, every: int, old: float) -> None:
    """Until the old meter is taken out, its samples are its own: 48 kWh were used and not 1055, live and counted anew."""
    changed = BEGIN + removed * HOUR_MS
    samples = meters(changed, 24, old, every * MINUTE)
    change = Change(key("lights"), BEGIN + 10 * HOUR_MS, old + 2 * removed, 0.0, "new meter")
    books.read("lights", {at: value for at, value in samples.items() if at <= BEGIN + 10 * HOUR_MS})
    books.settle()
    record_exchange(books.engine, change, "wang", NOW)
    for at in range(BEGIN + 10 * HOUR_MS, BEGIN + 25 * HOUR_MS, HOUR_MS):
        books.read("lights", {moment: value for moment, value in samples.items() if at < moment <= at + HOUR_MS})
        books.settle()
        if at + HOUR_MS <= changed:
            assert books.rows(PLACED) == [(change.at, None)]
    assert books.rows(PLACED) == [(change.at, changed + every * MINUTE)]
    assert {p for _, p, _ in books.parts("lights")} == {"measured"}
    assert sum(amount for _, _, amount in books.parts("lights")) == 48 * KWH
    counted = state(books)
    assert counted[-1] == []
    assert rebuilt(books, samples) == counted


@pytest.mark.parametrize("removed", [10, 3])
def test_an_old_meter_of_a_high_counter_is_not_passed_over(books: Books, removed: int) -> None:
    """At 40 000 kWh the old meter's samples fit no new one; they are counted in their own hours and are not what neither showed."""
    changed = BEGIN + removed * HOUR_MS
    samples = meters(changed, 24, 40_000.0, 15 * MINUTE)
    books.read("lights", samples)
    record_exchange(books.engine, Change(key("lights"), BEGIN, 40_000.0 + 2 * removed, 0.0, "new meter"), "wang", NOW)
    books.settle()
    assert {amount for _, _, amount in books.parts("lights")} == {2 * KWH}
    assert books.rows(PLACED) == [(BEGIN, changed + 15 * MINUTE)]


def disturbed(samples: dict[int, float], changed: int, chance: Random) -> dict[int, float]:
    """The samples with what neither meter showed around the change, and with gaps."""
    until = changed + chance.choice([0, 30, 90, 200]) * MINUTE
    odd = [chance.choice([5e6, 3e6, 7e6]) + chance.random() * 1e6 for _ in range(3)]
    found = {at: odd[chance.randrange(3)] if changed < at <= until else value for at, value in samples.items()}
    for _ in range(chance.randint(0, 2)):
        gap = chance.randint(BEGIN, BEGIN + 24 * HOUR_MS)
        found = {at: value for at, value in found.items() if not gap < at <= gap + chance.randint(1, 5) * HOUR_MS}
    return found


@pytest.mark.parametrize("seed", [*range(8), 106, 113, 120, 130, 142, 147])
def test_whatever_was_shown_during_an_exchange_the_ledger_is_that_of_all_at_once(books: Books, seed: int) -> None:
    """Recorded early or late, before or after it was seen, with strange values between both meters: live is what is counted anew."""
    chance = Random(seed)  # noqa: S311 (the same story at each run)
    changed = BEGIN + chance.randint(6, 16) * HOUR_MS
    old, every = chance.choice([60.0, 1000.0, 40_000.0]), chance.choice([5, 10, 15]) * MINUTE
    samples = disturbed(meters(changed, 30, old, every), changed, chance)
    at = changed + chance.randint(-11 * 60, 6 * 60) * MINUTE
    due = [(max(at, changed + chance.choice([-600, 30, 300]) * MINUTE), old + 2 * (changed - BEGIN) / HOUR_MS)]
    due += [(due[0][0] + 2 * HOUR_MS, due[0][1] + chance.choice([0.25, -1.0]))] if chance.random() < 0.5 else []
    coming = sorted(samples, key=lambda moment: moment + (chance.randint(0, 9 * HOUR_MS) if chance.random() < 0.1 else 0))
    while coming:
        batch = [coming.pop(0) for _ in range(min(len(coming), chance.choice([1, 3, 12])))]
        books.read("lights", {moment: samples[moment] for moment in batch})
        while due and (not coming or due[0][0] <= batch[-1]):
            entered(books, at, due.pop(0)[1])
        while book.settle(books.engine, books.telemetry, chance.choice([2, 100_000])):
            pass
    counted = state(books)
    assert rebuilt(books, samples) == counted


def entered(books: Books, at: int, last: float) -> None:
    """An exchange as it was recorded or corrected, whatever the counter says of it."""
    row = {"grp": GROUP, "meter": "lights", "at": at, "old_last": round(last * KWH), "new_first": 0}
    with writing(books.engine).begin() as connection:
        upsert(connection, tables.exchange, [row | {"reason": "x", "recorded_by": "li", "recorded_at": NOW}])
        upsert(
            connection,
            tables.touched,
            [{"grp": GROUP, "meter": "lights", "hour": at // HOUR_MS * HOUR_MS, "generation": 1}],
            add="generation",
        )


@pytest.mark.parametrize("is_settling", [True, False])
@pytest.mark.parametrize(("kind", "most"), [("exchange", 750), ("ratio", 150)])
def test_a_record_that_waits_is_not_looked_for_in_all_it_could_be_in(
    books: Books, monkeypatch: pytest.MonkeyPatch, kind: str, most: int, *, is_settling: bool
) -> None:
    """While an exchange or a ratio waits, a live pass reads what lies near what came in, and not all days around the record."""
    at = BEGIN + 6 * DAY_MS
    samples = counting(BEGIN, 15 * 24, 5000.0)
    chance = Random(1)  # noqa: S311 (the same story at each run)
    samples = {
        moment: value if is_settling or moment < at else chance.choice([1e6, 4e6, 9e6]) + chance.random() * 1e6
        for moment, value in samples.items()
    }
    books.read("lights", {moment: value for moment, value in samples.items() if moment < at})
    entered(books, at - HOUR_MS, 7000.0)
    if kind == "ratio":
        with writing(books.engine).begin() as connection:
            connection.execute(sa.delete(tables.exchange))
            row = {
                "grp": "510802",
                "meter": "lights",
                "at": at - HOUR_MS,
                "factor": "1.7",
                "reason": "x",
                "recorded_by": "li",
                "recorded_at": NOW,
            }
            connection.execute(sa.insert(tables.ratio_change), [row])
    books.settle()
    read: list[int] = []

    def watched(store: Telemetry, series: Series, start: int, end: int, offsets: Sequence[Offset]) -> list[tuple[int, float]]:
        found = counter_samples(store, series, start, end, offsets)
        read.append(len(found))
        return found

    monkeypatch.setattr("cloud.ledger.seams.counter_samples", watched)
    for day in range(8):
        start = at + day * DAY_MS
        books.read("lights", {moment: value for moment, value in samples.items() if start <= moment < start + DAY_MS - HOUR_MS})
        books.settle()
        read.clear()
        books.read("lights", {moment: value for moment, value in samples.items() if start + DAY_MS - HOUR_MS <= moment < start + DAY_MS})
        books.settle()
        assert sum(read) < most
