"""What the ledger asks people: how a question comes, is explained and goes, and which figures say that they rest on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.indicators import figures
from cloud.ledger import book
from cloud.ledger.exchanges import OutOfUse, record_out_of_use
from cloud.ledger.findings import FindingError, explain, listed
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError
from contract.clock import iso, parse_time
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

KWH = 1000
MINUTE = 60_000
BEGIN = parse_time("2026-03-02T00:00:00+08:00")
NOW = BEGIN + 3 * DAY_MS
EXPLAINED = ("far", BEGIN + 5 * HOUR_MS, "jump")


def jump(books: Books) -> None:
    """2 kWh an hour, and 5000 kWh at once after the fifth hour."""
    books.read("far", {BEGIN + n * HOUR_MS: 1000.0 + 2 * n + (5000 if n > 5 else 0) for n in range(13)})
    books.settle()


def test_a_question_is_open_until_a_note_explains_it(books: Books) -> None:
    """The note is kept with who wrote it and when; the figure stays, and counting anew brings nobody the question again."""
    jump(books)
    (found,) = books.findings(NOW)
    assert ((found.meter, found.start, found.kind), found.state) == (EXPLAINED, "open")
    assert (found.end, found.before, found.after) == (BEGIN + 6 * HOUR_MS, 1010 * KWH, 6012 * KWH)
    before = books.parts("far")
    explain(books.engine, books.site.group, EXPLAINED, "  a transformer was tested ", "wang", NOW)
    books.read("far", {BEGIN + 13 * HOUR_MS: 6026.0, BEGIN + 6 * HOUR_MS: 6012.0})
    books.settle()
    (said,) = books.findings(NOW)
    assert (said.state, said.note, said.by, said.at) == ("explained", "a transformer was tested", "wang", NOW)
    assert books.parts("far")[: len(before)] == before
    with books.engine.connect() as connection:
        assert [one for one in listed(connection, books.site.group, NOW, ["far"]) if one.state == "open"] == []
    audit = books.rows(sa.select(tables.audit.c.by, tables.audit.c.action))
    assert ("wang", "finding") in audit


@pytest.mark.parametrize(
    ("asked", "note", "said"),
    [
        (EXPLAINED, "   ", "note: expected 1 to 500 characters, got 0"),
        (EXPLAINED, "x" * 501, "note: expected 1 to 500 characters, got 501"),
        (("far", BEGIN, "jump"), "x", "finding: no jump of far that begins then"),
        (("none", BEGIN + 5 * HOUR_MS, "jump"), "x", "finding: no jump of none"),
        (("far", BEGIN + 5 * HOUR_MS, "reset"), "x", "finding: no reset of far"),
    ],
)
def test_a_wrong_note_is_refused(books: Books, asked: tuple[str, int, str], note: str, said: str) -> None:
    """The question stays open, and nothing is kept."""
    jump(books)
    with pytest.raises(FindingError, match=said):
        explain(books.engine, books.site.group, asked, note, "wang", NOW)
    assert [one.state for one in books.findings(NOW)] == ["open"]
    assert books.rows(sa.select(tables.finding_note.c.note)) == []


def test_a_question_of_another_district_is_not_ours(books: Books) -> None:
    """The list of a group holds its own meters only."""
    jump(books)
    with books.engine.connect() as connection:
        assert listed(connection, "510899", NOW) == []
    with pytest.raises(FindingError, match="no jump of far"):
        explain(books.engine, "510899", EXPLAINED, "x", "wang", NOW)


def test_what_late_readings_decide_is_asked_no_more(books: Books) -> None:
    """A rise that looked too steep goes by itself once the readings between its ends have come."""
    shown = {BEGIN + n * HOUR_MS: 1000.0 + 2 * n + (1000 if n > 5 else 0) for n in range(13)}
    books.read("far", shown)
    books.settle()
    assert [one.kind for one in books.findings(NOW)] == ["jump"]
    books.read("far", {BEGIN + n * HOUR_MS: 1000.0 + 2 * n for n in (6, 7, 8, 9, 10, 11, 12)})
    books.settle()
    assert books.findings() == []
    assert sum(amount for _, _, amount in books.parts("far")) == 24 * KWH


@pytest.mark.parametrize("samples", [1, 2])
def test_hours_that_may_be_decided_otherwise_are_provisional(books: Books, samples: int) -> None:
    """Until three samples agree the hour is provisional and the rest has no figure; after a day somebody is asked; then it is decided."""
    sound = {BEGIN + n * 15 * MINUTE: 1000.0 + n / 2 for n in range(98)}
    fallen = BEGIN + 97 * 15 * MINUTE
    books.read("far", sound | {fallen + n * 15 * MINUTE: 2.0 for n in range(1, samples + 1)})
    books.settle()
    hours = book.consumption(books.engine, key("far"), BEGIN, fallen + DAY_MS, "hour")
    assert [hour["provisional"] for hour in hours] == [False] * 24 + [True]
    assert [day["provisional"] for day in book.consumption(books.engine, key("far"), BEGIN, fallen + DAY_MS, "day")] == [False, True]
    assert books.findings(fallen + 15 * MINUTE + DAY_MS - 1) == []
    (found,) = books.findings(fallen + 15 * MINUTE + DAY_MS)
    assert (found.kind, found.counted, found.amount) == ("undecided", 0, round((1048.5 - 2) * KWH))
    books.read("far", {fallen + n * 15 * MINUTE: 1048.5 + n / 2 for n in range(samples + 1, samples + 5)})
    books.settle()
    hours = book.consumption(books.engine, key("far"), BEGIN, fallen + DAY_MS, "hour")
    assert not any(hour["provisional"] for hour in hours)
    assert books.findings(NOW) == []


def test_a_target_says_that_it_rests_on_a_question(books: Books) -> None:
    """`findings` and the reason of an indicator count the open questions of both sides; explained ones are none."""
    start = parse_time("2025-01-01T00:00:00+08:00")
    end = parse_time("2026-03-10T00:00:00+08:00")
    books.read("far", {at: 1000.0 + 2 * (at - start) / HOUR_MS + (50_000 if at > BEGIN else 0) for at in range(start, end + 1, HOUR_MS)})
    books.settle()
    found = figures.targets_of(books.engine, GROUP, 2026, "compound:c2", end).indicators[1]
    assert (found.findings, found.provisional, found.reason) == (1, False, "open questions of the ledger: 1")
    assert found.change == pytest.approx(0.0, abs=1e-3)
    explain(books.engine, books.site.group, ("far", BEGIN, "jump"), "exchanged, no record left", "wang", end)
    found = figures.targets_of(books.engine, GROUP, 2026, "compound:c2", end).indicators[1]
    assert (found.findings, found.reason) == (0, None)


def test_a_target_says_that_it_is_provisional(books: Books) -> None:
    """Where the last samples of a span are not decided yet, the indicator says so."""
    start = parse_time("2025-01-01T00:00:00+08:00")
    end = parse_time("2026-03-10T00:00:00+08:00")
    samples = {at: 1000.0 + 2 * (at - start) / HOUR_MS for at in range(start, end - HOUR_MS, HOUR_MS)}
    samples |= {end - 45 * MINUTE: 1000.0 + 2 * (end - start) / HOUR_MS - 1.5}
    books.read("far", samples | {end - 10 * MINUTE: 3.0, end: 3.0})
    books.settle()
    found = figures.targets_of(books.engine, GROUP, 2026, "compound:c2", end + DAY_MS).indicators[1]
    assert found.provisional


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (OutOfUse(key("none"), BEGIN, None, "x"), "meter: no meter 'none'"),
        (OutOfUse(key("cars"), BEGIN, None, "x"), "meter: expected one that a device counts"),
        (OutOfUse(key("far"), BEGIN, BEGIN, "x"), "to: expected a time after"),
        (OutOfUse(key("far"), BEGIN, BEGIN - 1, "x"), "to: expected a time after"),
        (OutOfUse(key("far"), BEGIN, None, " "), "reason: expected why"),
        (OutOfUse(key("far"), NOW + 1, None, "x"), f"^from: expected a time until {iso(NOW)}, got {iso(NOW + 1)}$"),
        (OutOfUse(key("far"), NOW + 1, NOW + DAY_MS, "x"), "^from: expected a time until"),
        (OutOfUse(key("far"), BEGIN, NOW + 1, "x"), f"^to: expected a time until {iso(NOW)}, got {iso(NOW + 1)}$"),
    ],
)
def test_a_wrong_time_out_of_use_is_refused(books: Books, record: OutOfUse, said: str) -> None:
    """The fault names the field, and nothing is kept or touched."""
    with pytest.raises(RecordError, match=said):
        record_out_of_use(books.engine, record, "wang", NOW)
    assert books.rows(sa.select(tables.out_of_use.c.meter)) == books.rows(sa.select(tables.touched.c.meter)) == []
