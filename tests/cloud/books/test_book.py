from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import book
from cloud.ledger.periods import DAY_MS, HOUR_MS, Every, month_start
from cloud.ledger.rows import UNUSABLE
from contract.clock import iso, parse_time
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2026-03-01T00:00:00+08:00")
TOUCHED = sa.select(tables.touched.c.meter, tables.touched.c.hour, tables.touched.c.generation)


def hourly(start: int, count: int, first: float = 100.0, step: float = 1.25) -> dict[int, float]:
    return {start + n * HOUR_MS: first + n * step for n in range(count)}


def test_history_becomes_measured_hours(books: Books) -> None:
    """Hourly history is measured hour by hour, and nothing stays touched."""
    books.read("power", hourly(BEGIN, 49))
    assert books.settle() == 49
    assert books.parts("power") == [(BEGIN + n * HOUR_MS, "measured", 1250) for n in range(48)]
    assert books.settle() == book.backlog(books.engine) == 0


def test_small_passes_give_the_same_ledger(books: Books) -> None:
    """However the touched hours are cut into passes, the ledger is the one of a single pass."""
    books.read("power", hourly(BEGIN, 49))
    while book.settle(books.engine, books.telemetry, 5):
        pass
    assert books.parts("power") == [(BEGIN + n * HOUR_MS, "measured", 1250) for n in range(48)]


@pytest.mark.parametrize("every", ["hour", "day", "month", "quarter", "year"])
def test_each_every_sums_to_the_counter(books: Books, every: Every) -> None:
    """Whatever the period, the parts sum to what the counter rose by, and begin where Shanghai cuts."""
    start = parse_time("2025-11-20T00:00:00+08:00")
    samples = hourly(start, 24 * 60, first=7.003, step=0.617)
    books.read("power", samples)
    books.settle()
    found = book.consumption(books.engine, key("power"), start, start + 90 * DAY_MS, every)
    assert sum(round(period["value"] * 1000) for period in found) == round((max(samples.values()) - 7.003) * 1000)
    expected = {"hour": start, "day": start, "month": month_start(2025, 11), "quarter": month_start(2025, 10), "year": month_start(2025, 1)}
    assert found[0]["start"] == iso(expected[every])
    assert found[0]["unit"] == "kWh"
    assert found[0]["provenance"] == {"measured": 1.0, "distributed": 0.0, "estimated": 0.0, "manual": 0.0}


def test_an_interval_without_data_is_absent(books: Books) -> None:
    """Days before and after the readings are not there, not 0, and an unused hour is 0."""
    books.read("power", hourly(BEGIN, 25, step=0))
    books.settle()
    found = book.consumption(books.engine, key("power"), BEGIN - 5 * DAY_MS, BEGIN + 5 * DAY_MS, "day")
    assert [(period["start"], period["value"]) for period in found] == [(iso(BEGIN), 0.0)]
    assert set(found[0]["provenance"].values()) == {0.0}


def test_an_unknown_meter_is_told(books: Books) -> None:
    """No meter, no empty list."""
    with pytest.raises(book.UnknownMeterError, match="no meter 'nothing'"):
        book.consumption(books.engine, key("nothing"), 0, 1, "day")


def test_a_gap_is_distributed_and_sums(books: Books) -> None:
    """A gap of ten hours is spread over its hours, marked, and sums to what the counter says."""
    books.read("power", {BEGIN: 100.0, BEGIN + 10 * HOUR_MS: 110.001})
    books.settle()
    parts = books.parts("power")
    assert {provenance for _, provenance, _ in parts} == {"distributed"}
    assert [hour for hour, _, _ in parts] == [BEGIN + n * HOUR_MS for n in range(10)]
    assert sum(amount for _, _, amount in parts) == 10_001


def test_an_hour_and_a_minute_is_measured(books: Books) -> None:
    """A sample up to a minute late does not make hourly history a gap, one two minutes late does."""
    books.read("power", {BEGIN: 100.0, BEGIN + HOUR_MS + 60_000: 101.0})
    books.read("far", {BEGIN: 100.0, BEGIN + HOUR_MS + 120_000: 101.0})
    books.settle()
    assert {p for _, p, _ in books.parts("power")} == {"measured"}
    assert {p for _, p, _ in books.parts("far")} == {"distributed"}


def test_a_late_sample_changes_the_hours_of_its_interval(books: Books) -> None:
    """A reading that arrives late cuts its gap in two: the hours of both halves change, those outside do not."""
    ends = hourly(BEGIN, 5) | hourly(BEGIN + 20 * HOUR_MS, 5, first=150.0)
    books.read("power", ends)
    books.settle()
    before = books.parts("power")
    assert sum(1 for _, provenance, _ in before if provenance == "distributed") == 16
    books.read("power", {BEGIN + 12 * HOUR_MS: 145.0})
    assert books.settle() == 1
    after = books.parts("power")
    assert [part for part in after if part[1] == "measured"] == [part for part in before if part[1] == "measured"]
    assert sum(amount for hour, _, amount in after if BEGIN + 4 * HOUR_MS <= hour < BEGIN + 12 * HOUR_MS) == 40_000
    assert sum(amount for hour, _, amount in after if BEGIN + 12 * HOUR_MS <= hour < BEGIN + 20 * HOUR_MS) == 5_000


def test_any_order_of_arrival_gives_one_ledger(books: Books) -> None:
    """Readings that come one by one, newest first, end in the ledger of readings that come at once."""
    samples = hourly(BEGIN + 17 * 60_000, 30, step=1.111)
    books.read("power", samples)
    for at in sorted(samples, reverse=True):
        books.read("far", {at: samples[at]})
        books.settle()
    assert books.parts("far") == books.parts("power")


def test_what_is_touched_during_settling_stays_touched(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that comes after the samples were read raises the generation, so its hour is counted again."""
    books.read("power", {BEGIN: 1.0, BEGIN + 30 * 60_000: 2.0})
    really = books.telemetry.write_figures

    def meanwhile(measurement: str, rows: object) -> None:
        really(measurement, rows)  # type: ignore[arg-type]
        if measurement == "ledger_hour":
            books.read("power", {BEGIN + 45 * 60_000: 4.0})

    monkeypatch.setattr(books.telemetry, "write_figures", meanwhile)
    books.settle()
    assert books.rows(TOUCHED) == [("power", BEGIN, 2)]
    assert books.parts("power") == [(BEGIN, "measured", 1000)]
    monkeypatch.undo()
    books.settle()
    assert books.rows(TOUCHED) == []
    assert books.parts("power") == [(BEGIN, "measured", 3000)]


def test_events_are_kept_once(books: Books) -> None:
    """A reset is an event with what was counted, once three samples agree; settling the hour again does not double it."""
    books.read("power", {BEGIN: 500.0, BEGIN + 900_000: 0.5})
    books.settle()
    assert books.parts("power") == []
    books.read("power", {BEGIN + 1_800_000: 1.0, BEGIN + 2_700_000: 1.5})
    books.settle()
    books.read("power", {BEGIN + 3_500_000: 2.0})
    books.settle()
    event = tables.event.c
    found = books.rows(sa.select(event.kind, event.grp, event.subject, event.at, event.detail))
    assert [row[:4] for row in found] == [("counter_reset", "510802", "power", BEGIN + 900_000)]
    assert '"counted": 500' in found[0][4]
    assert books.parts("power") == [(BEGIN, "measured", 1500), (BEGIN, "estimated", 500)][::-1]


def test_a_counter_turns_over_at_the_modulus_of_its_meter(books: Books) -> None:
    """The modulus is known in the point's unit and used in base units."""
    books.read("power", {BEGIN: 999_990.0, **{BEGIN + n * 900_000: 4.0 + n for n in (1, 2, 3)}})
    books.settle()
    assert [amount for _, _, amount in books.parts("power")] == [17_000]
    assert books.rows(sa.select(tables.event.c.kind)) == [("counter_rollover",)]


def test_a_sample_that_does_not_fit_stops_nothing(books: Books) -> None:
    """A value beyond the ledger's range is left out with an event; its neighbours count."""
    books.read("power", {BEGIN: 1.0, BEGIN + 900_000: 1e17, BEGIN + 1_800_000: 3.0})
    books.settle()
    assert books.parts("power") == [(BEGIN, "measured", 2000)]
    assert books.rows(sa.select(tables.event.c.kind, tables.event.c.at)) == [(UNUSABLE, BEGIN + 900_000)]


def test_hours_of_a_meter_that_is_gone_are_dropped(books: Books) -> None:
    """A touched hour of an unknown meter does not wait forever."""
    with books.engine.begin() as connection:
        connection.execute(sa.insert(tables.touched), [{"grp": GROUP, "meter": "gone", "hour": BEGIN, "generation": 1}])
    assert books.settle() == 1
    assert book.backlog(books.engine) == 0


def test_what_is_written_back_is_the_ledger(books: Books) -> None:
    """Hour and day figures say what the ledger says, before and after a late sample."""
    tag = '%"power"%'
    books.read("power", {BEGIN: 100.0, BEGIN + 4 * HOUR_MS: 110.0})
    books.settle()
    assert books.figures("ledger_hour", tag, BEGIN) == {"value": 2.5, "distributed": 1.0}
    books.read("power", {BEGIN + HOUR_MS: 105.0})
    books.settle()
    shares = {"measured": 1.0, "distributed": 0.0, "estimated": 0.0, "manual": 0.0}
    assert books.figures("ledger_hour", tag, BEGIN) == {"value": 5.0} | shares
    assert books.figures("ledger_day", tag, BEGIN) == {"value": 10.0} | shares | {"measured": 0.5, "distributed": 0.5}
    books.read("power", {BEGIN + 5 * HOUR_MS: 112.0})
    books.settle()
    assert books.figures("ledger_day", tag, BEGIN)["value"] == 12.0
