"""Field faults A8 to A10 and A13: exchanged meters and transformers, and the ends of a meter's history, on real stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.indicators import figures
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_findings.py asks both."""
KWH = 1000
MINUTE = 60_000
BEGIN = parse_time("2026-03-02T00:00:00+08:00")
CHANGED = BEGIN + 4 * HOUR_MS
NOW = BEGIN + 60 * DAY_MS


def counting(start: int, hours: int, first: float, per_hour: float = 2.0, every: int = 15 * MINUTE) -> dict[int, float]:
    return {at: round(first + per_hour * (at - start) / HOUR_MS, 3) for at in range(start, start + hours * HOUR_MS + 1, every)}


def exchanged(new: float = 0.0) -> dict[int, float]:
    """Four hours of an old meter at 100 000 kWh and four of the new one: 16 kWh."""
    old, young = counting(BEGIN, 4, 100_000.0), counting(CHANGED, 4, new)
    return old | {at: value for at, value in young.items() if at > CHANGED}


@pytest.mark.parametrize("late", [-11 * 60, -45, -10, 0, 10, 45, 11 * 60])
@pytest.mark.parametrize("first_recorded", [False, True])
def test_an_exchange_is_where_the_samples_break(books: Books, late: int, *, first_recorded: bool) -> None:
    """An exchange recorded hours before or after it happened counts 16 kWh and not 100 024 (A8), in whatever order they come."""
    change = Change(key("far"), CHANGED + late * MINUTE, 100_008.0, 0.0, "new meter")
    if first_recorded:
        record_exchange(books.engine, change, "wang", NOW)
    books.read("far", exchanged())
    books.settle()
    if not first_recorded:
        record_exchange(books.engine, change, "wang", NOW)
        books.settle()
    assert books.total("far") == 16 * KWH
    assert {provenance for _, provenance, _ in books.parts("far")} == {"measured"}
    assert books.findings() == []
    (placed,) = books.rows(sa.select(tables.exchange.c.placed_at))
    assert placed == (CHANGED + 15 * MINUTE,)


@pytest.mark.parametrize(
    ("last", "first", "said"),
    [
        (99_999_999.0, 0.0, "100008"),
        (100_900.0, 0.0, "100008"),
        (99_000.0, 0.0, "100008"),
        (-5.0, 0.0, "last: expected a counter of at least 0"),
        (100_008.0, 7_000.0, "100008"),
        (100_008.0, -1.0, "first: expected a counter of at least 0"),
    ],
)
def test_an_exchange_that_no_counter_showed_is_refused(books: Books, last: float, first: float, said: str) -> None:
    """What was typed is held against what the counter showed; refused, nothing is kept and the figure stays (A9)."""
    books.read("far", exchanged())
    books.settle()
    before = books.parts("far")
    with pytest.raises(RecordError, match=said):
        record_exchange(books.engine, Change(key("far"), CHANGED + MINUTE, last, first, "x"), "wang", NOW)
    assert books.rows(sa.select(tables.exchange.c.meter)) == []
    assert books.settle() == 0
    assert books.parts("far") == before


@pytest.mark.parametrize(("last", "said"), [(99_999_999.0, "the counter showed 100015"), (90_000.0, "the counter showed 100015")])
def test_an_exchange_before_its_samples_is_checked_too(books: Books, last: float, said: str) -> None:
    """Where the new meter has not told yet, the old one's newest value says what can be (A9)."""
    books.read("far", counting(BEGIN, 8, 100_000.0))
    books.settle()
    with pytest.raises(RecordError, match=said):
        record_exchange(books.engine, Change(key("far"), BEGIN + 8 * HOUR_MS - MINUTE, last, 0.0, "x"), "wang", NOW)


@pytest.mark.parametrize(
    ("last", "first", "refused"),
    [(100_012.4, 10.0, False), (100_012.6, 10.0, True), (100_008.0, 5.6, False), (100_008.0, 5.4, True), (100_011.0, 8.0, True)],
)
def test_ends_of_a_break_are_held_against_its_own_time(books: Books, last: float, first: float, *, refused: bool) -> None:
    """The meter broke within 15 minutes, in which 20 kWh an hour are 5 kWh: both meters together cannot have counted more (A9)."""
    books.limit("far", 20)
    books.read("far", exchanged(10.0))
    books.settle()
    change = Change(key("far"), CHANGED + MINUTE, last, first, "x")
    if refused:
        with pytest.raises(RecordError, match="last, first: the counter broke at"):
            record_exchange(books.engine, change, "wang", NOW)
        return
    record_exchange(books.engine, change, "wang", NOW)
    books.settle()
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(CHANGED + 15 * MINUTE,)]
    assert books.total("far") == round((last - 100_000 + 18 - first) * KWH)


@pytest.mark.parametrize(
    ("after", "last", "refused"),
    [(0, 100_247.4, False), (0, 100_247.6, True), (45, 100_262.4, False), (45, 100_262.6, True), (0, 100_007.4, True)],
)
def test_the_last_value_is_held_against_the_time_since_the_newest(books: Books, after: int, last: float, *, refused: bool) -> None:
    """Where the new meter has not told yet, the old one may have gone on for 12 hours after the recorded time at 20 kWh an hour (A9)."""
    books.limit("far", 20)
    newest = CHANGED - 15 * MINUTE
    books.read("far", {at: value for at, value in counting(BEGIN, 4, 100_000.0).items() if at <= newest})
    books.settle()
    change = Change(key("far"), newest + after * MINUTE, last, 0.0, "x")
    if refused:
        with pytest.raises(RecordError, match=r"last: the counter showed 100007\.500 kWh at 2026-03-01T19:45:00\.000Z"):
            record_exchange(books.engine, change, "wang", NOW)
    else:
        record_exchange(books.engine, change, "wang", NOW)
    assert len(books.rows(sa.select(tables.exchange.c.meter))) == (not refused)


@pytest.mark.parametrize(("last", "refused"), [(15.0, False), (999_989.0, True), (400_000.0, True)])
def test_a_counter_may_have_turned_before_it_was_taken_out(books: Books, last: float, *, refused: bool) -> None:
    """Ten days of silence since 999 990 kWh of a counter that ends at a million: 15 kWh is a true last value, and 999 989 is none."""
    books.limit("power", 20)
    books.read("power", counting(BEGIN, 4, 999_982.25))
    books.settle()
    change = Change(key("power"), BEGIN + 240 * HOUR_MS, last, 0.0, "worn")
    if refused:
        with pytest.raises(RecordError, match=r"last: the counter showed 9999\d\d\.\d+ kWh"):
            record_exchange(books.engine, change, "wang", NOW)
    else:
        record_exchange(books.engine, change, "wang", NOW)
    assert len(books.rows(sa.select(tables.exchange.c.meter))) == (not refused)


@pytest.mark.parametrize(("early", "is_silent"), [(5, True), (60, True), (180, False)])
def test_values_of_another_time_within_twelve_hours_wait_for_their_break(books: Books, early: int, *, is_silent: bool) -> None:
    """The old meter's values are right, and the time is early by minutes or hours: the exchange is found when the new meter tells."""
    books.limit("far", 20)
    silent = CHANGED - 15 * MINUTE
    known = CHANGED - early * MINUTE if not is_silent else silent
    samples = {at: value for at, value in exchanged().items() if at <= silent or at > CHANGED}
    books.read("far", {at: value for at, value in samples.items() if at <= known})
    books.settle()
    record_exchange(books.engine, Change(key("far"), silent - early * MINUTE, 100_008.0, 0.0, "new meter"), "wang", NOW)
    books.settle()
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(None,)]
    books.read("far", samples)
    books.settle()
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(CHANGED + 15 * MINUTE,)]
    assert books.total("far") == 16 * KWH


@pytest.mark.parametrize("told", [True, False])
def test_a_wrong_time_is_named_and_no_right_value(books: Books, *, told: bool) -> None:
    """Where the values fit a day later, the refusal tells when, and not that one of them cannot be."""
    start, moment = CHANGED - 30 * HOUR_MS, CHANGED - 20 * HOUR_MS
    samples = counting(start, 30, 100_000.0) | ({CHANGED + n * 15 * MINUTE: n / 2 for n in range(1, 9)} if told else {})
    books.read("far", samples)
    books.settle()
    with pytest.raises(RecordError, match=r"^at: the values fit after 2026-03-01T19:45:00\.000Z; expected a time within 12 hours"):
        record_exchange(books.engine, Change(key("far"), moment, 100_060.0, 0.0, "x"), "wang", NOW)


def test_a_recorded_exchange_waits_for_its_samples(books: Books) -> None:
    """Recorded before the new meter told, an exchange is pending; after seven days without a break, somebody is asked."""
    books.read("far", counting(BEGIN, 4, 100_000.0))
    books.settle()
    record_exchange(books.engine, Change(key("far"), CHANGED, 100_008.0, 0.0, "x"), "wang", CHANGED + HOUR_MS)
    books.settle()
    assert books.findings(CHANGED + HOUR_MS + 7 * DAY_MS - 1) == []
    (found,) = books.findings(CHANGED + HOUR_MS + 7 * DAY_MS)
    assert (found.meter, found.kind, found.start, found.state) == ("far", "exchange_pending", CHANGED, "open")
    books.read("far", exchanged())
    books.settle()
    assert books.findings(NOW) == []
    assert books.total("far") == 16 * KWH


def test_a_meter_with_a_higher_counter_is_asked_about(books: Books) -> None:
    """Replaced without a record by a meter that shows more, a branch used what it usually does; the record answers (A10)."""
    start, moment = BEGIN - 30 * DAY_MS, BEGIN
    old = counting(start, 30 * 24, 1000.0, every=HOUR_MS)
    new = {at: value for at, value in counting(moment, 30 * 24, 9000.0, every=HOUR_MS).items() if at > moment}
    books.read("far", old | new)
    books.settle()
    assert books.total("far") == 60 * 24 * 2 * KWH
    (found,) = books.findings(NOW)
    assert (found.kind, found.before, found.after, found.counted) == ("jump", 2440 * KWH, 9002 * KWH, 2 * KWH)
    assert found.amount == (9002 - 2440) * KWH
    assert [(p, a) for hour, p, a in books.parts("far") if hour == moment] == [("estimated", 2 * KWH)]
    record_exchange(books.engine, Change(key("far"), moment, 2440.0, 9000.0, "new meter"), "wang", NOW)
    books.settle()
    assert books.findings() == []
    assert {(p, a) for _, p, a in books.parts("far")} == {("measured", 2 * KWH)}


@pytest.mark.parametrize("minutes", [0, 1, 20, 50])
def test_the_first_sample_of_a_history_may_be_late(books: Books, minutes: int) -> None:
    """A history that begins at 00:20 on 1 January still gives its year as the baseline of the next (A13)."""
    first, end = parse_time("2025-01-01T00:00:00+08:00"), parse_time("2026-03-01T00:00:00+08:00")
    books.read("far", {at: 1000.0 + 2 * (at - first) / HOUR_MS for at in range(first + minutes * MINUTE, end + 1, 3 * HOUR_MS)})
    books.settle()
    found = figures.targets_of(books.engine, GROUP, 2026, "compound:c2", end).indicators[1]
    assert found.reason is None or "baseline" not in found.reason
    assert found.baseline_year.value == pytest.approx(365 * 48 * 0.1229 / 2000, rel=1e-3)
    assert found.change == pytest.approx(0.0, abs=2e-3)
