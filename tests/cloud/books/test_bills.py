"""Bills beside a counter that counted their months: compared, asked about, and never added."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import bills, book, entries
from cloud.ledger.entries import EntryError
from cloud.ledger.findings import Finding, explain, listed
from cloud.ledger.periods import HOUR_MS, month_start
from cloud.ledger.queries import bills as queries
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.books import entered
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

NOW = parse_time("2026-05-20T13:00:00+08:00")
MARCH, APRIL = month_start(2026, 3), month_start(2026, 4)
COUNTED = 1488
"""kWh that the meter counts in March: 2 in each of 744 hours."""


@pytest.fixture
def counting(books: Books) -> Books:
    """The far meter counts from February until 20 May."""
    begin = month_start(2026, 2)
    books.read("far", {at: 1000.0 + 2 * (at - begin) / HOUR_MS for at in range(begin, NOW, HOUR_MS)})
    books.settle()
    return books


def bill(books: Books, amount: float, by: str = "wang") -> None:
    entries.enter(books.engine, key("far"), "2026-03", amount, by, NOW)


def asked(books: Books, group: str = "510802") -> list[Finding]:
    with books.engine.connect() as connection:
        return listed(connection, group, NOW)


def kept(books: Books) -> list[tuple[int, int]]:
    with books.engine.connect() as connection:
        return [(one.amount, one.counted) for one in queries.kept(connection, books.site.group)]


def test_a_bill_beside_a_counter_changes_no_figure(counting: Books) -> None:
    """The month stays measured to the last hour, in the ledger and after it is counted anew; the bill is on record and in the audit."""
    before = counting.parts("far")
    bill(counting, 2000)
    assert counting.settle() == 0
    counting.read("far", {MARCH: 1000.0 + 2 * 28 * 24})
    counting.settle()
    assert counting.parts("far") == before
    march = book.consumption(counting.engine, key("far"), MARCH, APRIL, "month")
    assert [(month["value"], month["provenance"]["measured"]) for month in march] == [(COUNTED, 1.0)]
    assert (entered.months(counting.engine, key("far")), kept(counting)) == ([], [(2_000_000, COUNTED * 1000)])
    assert ("wang", "bill") in counting.rows(sa.select(tables.audit.c.by, tables.audit.c.action))


@pytest.mark.parametrize(
    ("amount", "differs"), [(1488, 0), (1517.76, 0), (1517.77, 29_770), (1458.24, 0), (1458.23, 29_770), (0, 1_488_000)]
)
def test_a_bill_that_differs_by_more_than_two_percent_is_a_question(counting: Books, amount: float, differs: int) -> None:
    """At stake is the difference, up or down; up to two percent of what was counted nobody is asked."""
    bill(counting, amount)
    found = [(one.meter, one.kind, one.start, one.end, one.amount, one.counted, one.state) for one in asked(counting)]
    assert found == ([("far", "bill_differs", MARCH, APRIL, differs, 1_488_000, "open")] if differs else [])
    assert asked(counting, "510899") == []


def test_a_note_a_right_bill_or_its_withdrawal_answers(counting: Books) -> None:
    """A note stands as long as the bill says the same; another amount asks anew, the right one and a withdrawn one ask nothing."""
    bill(counting, 2000)
    explain(counting.engine, "510802", ("far", MARCH, "bill_differs"), "read on the 5th", "li", NOW)
    bill(counting, 2000)
    assert [one.note for one in asked(counting)] == ["read on the 5th"]
    bill(counting, 1700)
    assert [(one.state, one.amount) for one in asked(counting)] == [("open", 212_000)]
    bill(counting, 1490)
    assert asked(counting) == []
    bill(counting, 1700)
    bills.withdraw(counting.engine, key("far"), "2026-03", "li", NOW)
    assert (asked(counting), kept(counting)) == ([], [])
    with pytest.raises(bills.BillError, match="month: no bill of far for 2026-03"):
        bills.withdraw(counting.engine, key("far"), "2026-03", "li", NOW)


def test_the_difference_follows_the_counter(counting: Books) -> None:
    """Readings of the month that come or change later move what the bill is compared with."""
    bill(counting, 1500)
    assert asked(counting) == []
    more = {at: 1040.0 + 2 * (at - month_start(2026, 2)) / HOUR_MS for at in range(APRIL - 20 * HOUR_MS, NOW, HOUR_MS)}
    counting.read("far", more)
    counting.settle()
    assert sum(amount for hour, _, amount in counting.parts("far") if MARCH <= hour < APRIL) == 1_528_000
    assert kept(counting) == [(1_500_000, 1_528_000)]
    counting.read("far", {at: value + 10 for at, value in more.items()})
    counting.settle()
    assert [(one.kind, one.amount) for one in asked(counting)] == [("bill_differs", 38_000)]


def test_a_figure_that_changed_is_a_question_anew(counting: Books) -> None:
    """A note explains a difference of 3 %; counted anew alike it stands, and when late readings make it 9 % somebody has to look again."""
    bill(counting, 1443.36)
    explain(counting.engine, "510802", ("far", MARCH, "bill_differs"), "read on the 5th", "li", NOW)
    counting.read("far", {MARCH + HOUR_MS: 1000.0 + 2 * (28 * 24 + 1)})
    counting.settle()
    assert [(one.state, one.amount) for one in asked(counting)] == [("explained", 44_640)]
    rest = range(APRIL - 20 * HOUR_MS, NOW, HOUR_MS)
    counting.read("far", {at: 1090.0 + 2 * (at - month_start(2026, 2)) / HOUR_MS for at in rest})
    counting.settle()
    assert [(one.state, one.amount, one.note) for one in asked(counting)] == [("open", 134_640, None)]


def test_a_month_that_is_not_over_or_counted_in_part_takes_no_bill(counting: Books) -> None:
    """May is not over; and a bill with a digit too much is none."""
    with pytest.raises(EntryError, match="which is not over"):
        entries.enter(counting.engine, key("far"), "2026-05", 900, "wang", NOW)
    with pytest.raises(EntryError, match="expected at most 10 times"):
        bill(counting, 150_000)
    assert kept(counting) == []


def test_a_file_says_what_counts_and_what_is_compared(counting: Books, tmp_path: Path) -> None:
    """One file may hold fuel and bills; each goes where it belongs."""
    path = tmp_path / "march.csv"
    path.write_text("meter,month,amount\ncars,2026-03,80\nfar,2026-03,1500\nfar,2026-04,1440\n", encoding="utf-8")
    assert entries.import_csv(counting.engine, GROUP, path, "wang", NOW) == (1, 2)
    assert kept(counting) == [(1_500_000, 1_488_000), (1_440_000, 1_440_000)]
