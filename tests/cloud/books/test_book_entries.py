from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import book, entries
from cloud.ledger.entries import Agreed, EntriesError, EntryError
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from contract.clock import iso, parse_time
from tests.cloud import tables
from tests.cloud.books import entered
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

NOW = parse_time("2026-05-20T13:00:00+08:00")
FEBRUARY, MARCH = month_start(2026, 2), month_start(2026, 3)

OF_ENTRIES = tables.audit.c.action == "entry"


def test_an_entered_month_is_spread_over_its_days(books: Books) -> None:
    """The month's sum is what was entered, each day has its share, all of it manual, and the figures are written back."""
    entries.enter(books.engine, key("cars"), "2026-02", 280.5, "wang", NOW)
    months = book.consumption(books.engine, key("cars"), FEBRUARY, MARCH, "month")
    assert [(m["start"], m["value"], m["unit"], m["provenance"]["manual"]) for m in months] == [(iso(FEBRUARY), 280.5, "L", 1.0)]
    days = book.consumption(books.engine, key("cars"), FEBRUARY, MARCH, "day")
    assert len(days) == 28
    assert sum(round(day["value"] * 1000) for day in days) == 280_500
    assert books.settle() == 28 * 24
    assert books.figures("ledger_day", '%"cars"%', FEBRUARY)["value"] == days[0]["value"]


def test_an_entry_that_is_replaced_leaves_nothing_behind(books: Books) -> None:
    """The new amount stands in the ledger, the list and the figures; the audit has both."""
    entries.enter(books.engine, key("cars"), "2026-02", 280, "wang", NOW)
    books.settle()
    entries.enter(books.engine, key("cars"), "2026-02", 140, "li", NOW + 1000)
    books.settle()
    assert sum(amount for _, _, amount in books.parts("cars")) == 140_000
    assert books.figures("ledger_day", '%"cars"%', FEBRUARY)["value"] == 5.0
    month = {"month": "2026-02", "value": 140.0, "unit": "L", "entered_by": "li", "entered_at": iso(NOW + 1000)}
    assert entered.months(books.engine, key("cars")) == [month]
    audit = books.rows(
        sa.select(tables.audit.c.by, tables.audit.c.action, tables.audit.c.detail).where(OF_ENTRIES).order_by(tables.audit.c.id)
    )
    assert [row[:2] for row in audit] == [("wang", "entry"), ("li", "entry")]
    assert json.loads(audit[1][2]) == {"meter": "cars", "month": "2026-02", "before": 280_000, "after": 140_000}


@pytest.mark.parametrize(
    ("meter", "month", "amount", "field"),
    [
        ("nothing", "2026-02", 1.0, "meter"),
        ("cars", "2026-13", 1.0, "month"),
        ("cars", "2026-2", 1.0, "month"),
        ("cars", "2026-06", 1.0, "month"),
        ("cars", "2026-02", -1.0, "amount"),
        ("cars", "2026-02", float("nan"), "amount"),
        ("cars", "2026-02", 1e17, "amount"),
    ],
)
def test_a_wrong_entry_is_refused(books: Books, meter: str, month: str, amount: float, field: str) -> None:
    """The fault names the field, and nothing is stored."""
    with pytest.raises(EntryError) as caught:
        entries.enter(books.engine, key(meter), month, amount, "wang", NOW)
    assert caught.value.field == field
    assert books.parts("cars") == []
    assert books.rows(sa.select(tables.audit.c.id).where(OF_ENTRIES)) == []


def test_of_a_month_there_is_one_source(books: Books) -> None:
    """In the month in which a device begins, the entry counts alone; in a month that the device counted, the device."""
    start = FEBRUARY + 9 * DAY_MS
    books.read("gas", {start + n * HOUR_MS: 50.0 + n for n in range(60 * 24)})
    books.settle()
    entries.enter(books.engine, key("gas"), "2026-02", 300, "wang", NOW, Agreed(replace=True))
    books.settle()
    february = book.consumption(books.engine, key("gas"), FEBRUARY, MARCH, "month")
    assert [(month["value"], month["provenance"]["manual"]) for month in february] == [(300.0, 1.0)]
    march = book.consumption(books.engine, key("gas"), MARCH, MARCH + DAY_MS, "day")
    assert march[0]["provenance"]["measured"] == 1.0
    entries.enter(books.engine, key("gas"), "2026-03", 300, "wang", NOW)
    assert [month["month"] for month in entered.months(books.engine, key("gas"))] == ["2026-02"]
    books.read("gas", {start + 90 * 60_000: 51.5})
    books.settle()
    assert book.consumption(books.engine, key("gas"), FEBRUARY, MARCH, "month") == february
    entries.enter(books.engine, key("gas"), "2026-02", 310, "wang", NOW)


@pytest.mark.parametrize(
    ("meter", "amount", "said"), [("cars", 99_999_999, "expected at most 50000000 L, which no meter of"), ("gas", 1e7, "7500000 m3")]
)
def test_an_amount_that_no_meter_can_count_is_refused(books: Books, meter: str, amount: float, said: str) -> None:
    """99 999 999 (H5) is no month of anything; what would be possible is said, and agreeing to the unusual does not help."""
    with pytest.raises(EntryError, match=said) as caught:
        entries.enter(books.engine, key(meter), "2026-02", amount, "wang", NOW, Agreed(unusual=True))
    assert caught.value.field == "amount"


def test_an_amount_far_beyond_the_meters_own_months_is_asked_about(books: Books) -> None:
    """A digit too much is refused with the largest month that the meter has, until somebody says that it is right."""
    entries.enter(books.engine, key("cars"), "2026-01", 1200, "wang", NOW)
    entries.enter(books.engine, key("cars"), "2026-02", 11_000, "wang", NOW)
    with pytest.raises(
        EntryError, match=r"^amount: expected at most 10 times 11000 L of 2026-02, the largest month of cars, got 120000 L; if"
    ):
        entries.enter(books.engine, key("cars"), "2026-03", 120_000, "wang", NOW)
    entries.enter(books.engine, key("cars"), "2026-03", 120_000, "wang", NOW, Agreed(unusual=True))
    assert [month["value"] for month in entered.months(books.engine, key("cars"))] == [1200, 11_000, 120_000]


def test_a_file_of_entries(books: Books, tmp_path: Path) -> None:
    """A CSV as spreadsheets write it is imported as a whole."""
    path = tmp_path / "fuel.csv"
    path.write_text("month,meter,amount\r\n2026-01,cars,100.5\r\n\r\n2026-02,cars, 90\r\n", encoding="utf-8-sig")
    assert entries.import_csv(books.engine, GROUP, path, "wang", NOW) == (2, 0)
    assert [(m["month"], m["value"]) for m in entered.months(books.engine, key("cars"))] == [("2026-01", 100.5), ("2026-02", 90.0)]


def test_a_file_with_faults_is_not_imported(books: Books, tmp_path: Path) -> None:
    """Each bad line has one line with file, line and field, and the good ones are not entered either."""
    path = tmp_path / "fuel.csv"
    lines = [
        "meter,month,amount",
        "cars,2026-01,100",
        "bikes,2026-01,1",
        "cars,january,1",
        "cars,2026-03,much",
        "cars,2026-01,7",
        "cars,2026-04",
        "cars,2026-04,\uff11\uff12",
        "cars,2026-04,1_0",
        "cars,2026-04,4.5e3",
        "cars,2026-04,0.0004",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(EntriesError) as caught:
        entries.import_csv(books.engine, GROUP, path, "wang", NOW)
    assert str(caught.value).splitlines() == [
        f"{path}:3: meter: no meter 'bikes'",
        f"{path}:4: month: expected YYYY-MM such as 2026-03, got 'january'",
        f"{path}:5: amount: expected a number such as 1234.5, got 'much'",
        f"{path}:6: month: cars 2026-01 stands in line 2 too",
        f"{path}:7: amount: expected a number such as 1234.5, got ''",
        f"{path}:8: amount: expected a number such as 1234.5, got '\uff11\uff12'",
        f"{path}:9: amount: expected a number such as 1234.5, got '1_0'",
        f"{path}:10: amount: expected a number such as 1234.5, got '4.5e3'",
        f"{path}:11: amount: expected 0 or at least 0.001 L, got 0.0004",
    ]
    assert entered.months(books.engine, key("cars")) == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ":1: header: expected the columns meter, month, amount, got nothing"),
        (b"meter;month;amount\n", ":1: header: expected the columns"),
        (b"meter,month,amount\ncars,2026-01,1,2\n", ":2: amount: expected 3 fields, got 4"),
        (b'meter,month,amount\ncars,"2026-01"x,1\n', ":2: line: not CSV"),
        (b"meter,month,amount\n\xff\n", ": cannot be read: expected UTF-8, got another encoding at byte 19"),
        ("meter,month,amount\n".encode("utf-16"), ": cannot be read: expected UTF-8, got another encoding at byte 0"),
    ],
)
def test_a_file_that_is_no_table_is_refused(books: Books, tmp_path: Path, content: bytes, expected: str) -> None:
    """A file of another form ends with one clear line."""
    path = tmp_path / "fuel.csv"
    path.write_bytes(content)
    with pytest.raises(EntriesError) as caught:
        entries.import_csv(books.engine, GROUP, path, "wang", NOW)
    assert f"{path}{expected}" in str(caught.value)
    with pytest.raises(EntriesError, match=r"missing.csv: cannot be read: No such file or directory$"):
        entries.import_csv(books.engine, GROUP, tmp_path / "missing.csv", "wang", NOW)


def test_a_bill_may_take_the_place_of_an_estimate(books: Books) -> None:
    """A month of which hours are only estimated takes an entry where somebody says so; one that was measured keeps its figure."""
    now = parse_time("2026-07-20T00:00:00+08:00")
    begin, died, back = (parse_time(f"2026-0{day}T00:00:00+08:00") for day in ("4-01", "5-20", "6-10"))
    rising = {at: 1000.0 + (at - begin) / HOUR_MS for at in range(begin, died, HOUR_MS)}
    anew = {at: 1.0 + (at - back) / HOUR_MS for at in range(back, now, HOUR_MS)}
    books.read("far", rising | anew)
    books.settle()
    entries.enter(books.engine, key("far"), "2026-04", 700, "wang", now, Agreed(replace=True))
    assert entered.months(books.engine, key("far")) == []
    said = r"744 of 744 hours of 2026-05 \(289 of them only estimated\), the last until 2026-06-01 00:00; to enter .*import --replace"
    with pytest.raises(EntryError, match=said):
        entries.enter(books.engine, key("far"), "2026-05", 700, "wang", now)
    entries.enter(books.engine, key("far"), "2026-05", 700, "wang", now, Agreed(replace=True))
    books.settle()
    may = book.consumption(books.engine, key("far"), month_start(2026, 5), month_start(2026, 6), "month")
    assert [(month["value"], month["provenance"]["manual"]) for month in may] == [(700.0, 1.0)]
