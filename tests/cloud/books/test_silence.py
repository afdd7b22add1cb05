"""A device that fell silent has not saved anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud.indicators import figures
from cloud.indicators.model import Indicator
from cloud.ledger import book, entries
from cloud.ledger.entries import Agreed, EntryError
from cloud.ledger.periods import DAY_MS, HOUR_MS, month_start
from contract.clock import iso, parse_time
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

NOW = parse_time("2026-05-20T13:00:00+08:00")
AS_OF = parse_time("2026-05-20T00:00:00+08:00")
DIED = parse_time("2026-02-10T06:00:00+08:00")


def count(books: Books, meter: str, until: int, start: int | None = None) -> None:
    begin = month_start(2025, 1)
    first = begin if start is None else start
    books.read(meter, {at: 1000.0 + (at - begin) / HOUR_MS for at in range(first, until + 1, 6 * HOUR_MS)})
    books.settle()


def water(books: Books, scope: str = "compound:c1", now: int = NOW, year: int = 2026) -> Indicator:
    return figures.targets_of(books.engine, GROUP, year, scope, now).indicators[2]


def power(books: Books, year: int = 2026, now: int = NOW) -> Indicator:
    return figures.targets_of(books.engine, GROUP, year, "compound:c2", now).indicators[1]


def test_a_span_ends_with_the_last_day_that_a_device_told(books: Books) -> None:
    """Both sides end where the meter fell silent, so use is compared with use; the reason says which meter and when."""
    count(books, "far", DIED)
    found = power(books)
    assert (found.actual.start, found.actual.end) == (iso(month_start(2026, 1)), "2026-02-09T16:00:00.000Z")
    assert found.baseline.end == "2025-02-09T16:00:00.000Z"
    assert found.change == pytest.approx(0.0, abs=1e-12)
    assert (found.status, found.reason) == ("at_risk", "far: nothing counted since 2026-02-10 06:00")


def test_a_device_that_tells_again_is_whole_again(books: Books) -> None:
    """The gap is spread once its end is known, and the span reaches the last complete day."""
    count(books, "far", DIED)
    count(books, "far", NOW, NOW - HOUR_MS)
    found = power(books)
    assert (found.actual.end, found.reason) == (iso(AS_OF), None)
    assert found.provenance["distributed"] == pytest.approx(1.0)


def test_a_year_that_a_device_did_not_finish_is_not_closed(books: Books) -> None:
    """Neither met nor missed is said of a year whose last days are not known."""
    count(books, "far", parse_time("2026-12-20T12:00:00+08:00"))
    found = power(books, now=parse_time("2027-02-01T00:00:00+08:00"))
    assert (found.actual.end, found.status) == ("2026-12-19T16:00:00.000Z", "no_figure")
    last = power(books, 2027, parse_time("2027-02-01T00:00:00+08:00"))
    assert (last.actual.value, last.reason) == (None, "far: nothing known for 2027-01")
    assert last.baseline_year.value is None


def test_the_months_of_a_dead_meter_may_be_entered(books: Books) -> None:
    """The months after its death take an entry, that of its death when somebody says so; the one that it counted keeps its figure."""
    count(books, "far", DIED)
    entries.enter(books.engine, key("far"), "2026-01", 700, "wang", NOW)
    said = r"^month: a device counted far for \d+ of 672 hours of 2026-02, the last until 2026-02-10 06:00; to enter the whole month"
    with pytest.raises(EntryError, match=said):
        entries.enter(books.engine, key("far"), "2026-02", 700, "wang", NOW)
    entries.enter(books.engine, key("far"), "2026-02", 700, "wang", NOW, Agreed(replace=True))
    for number in (3, 4):
        entries.enter(books.engine, key("far"), f"2026-{number:02}", 700, "wang", NOW)
    books.settle()
    found = power(books)
    assert (found.actual.end, found.baseline.end, found.baseline.grain) == (iso(month_start(2026, 5)), iso(month_start(2025, 5)), "month")
    used = book.consumption(books.engine, key("far"), month_start(2026, 1), month_start(2026, 5), "month")
    assert [month["value"] for month in used] == [744.0, 700.0, 700.0, 700.0]


def test_the_running_month_of_a_counted_meter_takes_no_entry(books: Books) -> None:
    """While the month runs an entry would hide days that the device may still count (H5), whatever somebody agreed to."""
    count(books, "far", NOW)
    for later in (0, 3 * DAY_MS):
        with pytest.raises(EntryError, match=r"^month: a device counts far in 2026-05, which is not over; expected an entry after it$"):
            entries.enter(books.engine, key("far"), "2026-05", 700, "wang", NOW + later, Agreed(replace=True))


def test_one_silent_meter_holds_the_compound(books: Books) -> None:
    """Gas that died holds the energy of its compound, and not the water, which has a meter of its own."""
    for meter, until in (("power", NOW), ("gas", DIED), ("water", NOW)):
        count(books, meter, until)
    energy = figures.targets_of(books.engine, GROUP, 2026, "compound:c1", NOW).indicators[1]
    assert (energy.actual.end, energy.reason) == ("2026-02-09T16:00:00.000Z", "gas: nothing counted since 2026-02-10 06:00")
    assert (water(books).actual.end, water(books).reason) == (iso(AS_OF), None)


@pytest.mark.parametrize("year", [2027, 2050, 2099])
def test_a_year_to_come_has_nothing_yet(books: Books, year: int) -> None:
    """It is answered with nulls and the reason, and what it is as of is never in the future."""
    count(books, "water", NOW)
    answer = figures.targets_of(books.engine, GROUP, year, "compound:c1", NOW)
    assert answer.as_of == iso(AS_OF)
    assert {found.actual.value for found in answer.indicators} == {None}
    assert (water(books, year=year).status, water(books, year=year).reason) == ("no_figure", f"no complete day of {year} yet")


def test_new_years_day(books: Books) -> None:
    """On 1 January nothing is complete; a day later the first day stands against the first day of last year."""
    count(books, "water", parse_time("2026-01-02T09:00:00+08:00"))
    first = water(books, now=parse_time("2026-01-01T23:59:59+08:00"))
    assert (first.actual.value, first.status, first.reason) == (None, "no_figure", "no complete day of 2026 yet")
    assert first.baseline_year.value == pytest.approx(365 * 24 / 100)
    second = water(books, now=parse_time("2026-01-02T00:00:00+08:00"))
    assert second.actual.value == pytest.approx(0.24)
    assert second.baseline.value == pytest.approx(0.24)
