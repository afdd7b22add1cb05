"""A counter that stands: until it is exchanged, against the year before, by its display, from its first sample, in part out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud.ledger.exchanges import Change, OutOfUse, record_exchange, record_out_of_use
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date
from cloud.telemetry.base import Polled
from contract import workdays
from contract.clock import parse_time
from tests.cloud.books.test_gaps_and_freezes import KWH, used
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_findings.py asks both."""
MARCH = parse_time("2026-03-02T00:00:00+08:00")
QUARTER = HOUR_MS // 4


def drawn(books: Books, start: int, end: int, watts: float) -> None:
    books.telemetry.write([Polled(books.site.group, "electricity", "power", at, {"power": watts}) for at in range(start, end, QUARTER)])


@pytest.mark.parametrize("gauge", [False, True])
@pytest.mark.parametrize("recorded", [False, True])
def test_what_a_dead_meter_missed_is_estimated_when_it_is_exchanged(books: Books, *, recorded: bool, gauge: bool) -> None:
    """2 kW; dead for 20 days, then another meter from 0: 960 kWh are missing, with and without power and record (A5, A9)."""
    dead, new, end = MARCH + 20 * DAY_MS, MARCH + 40 * DAY_MS, MARCH + 60 * DAY_MS
    shown = {at: 5000.0 + 2 * (min(at, dead) - MARCH) / HOUR_MS for at in range(MARCH, new, QUARTER)}
    shown |= {at: 2 * (at - new) / HOUR_MS for at in range(new, end, QUARTER)}
    if gauge:
        drawn(books, MARCH, end, 2000.0)
    books.read("power", {at: value for at, value in shown.items() if at < new})
    books.settle()
    (asked,) = books.findings()
    assert (asked.kind, asked.start) == ("frozen", dead)
    assert used(books, "power", dead, new) == {}
    books.read("power", {at: value for at, value in shown.items() if at >= new})
    if recorded:
        record_exchange(books.engine, Change(key("power"), new - QUARTER // 2, shown[dead], 0.0, "dead"), "wang", end)
    books.settle()
    missing = used(books, "power", dead, new - HOUR_MS)["estimated"]
    assert missing == pytest.approx((new - HOUR_MS - dead) // HOUR_MS * 2 * KWH, rel=0.01)
    (asked,) = books.findings()
    assert (asked.kind, asked.start) == ("frozen", dead)
    assert asked.amount == pytest.approx(960 * KWH, rel=0.01)
    assert books.built_anew("power", shown) == books.whole("power")


def test_a_rest_that_the_year_before_contradicts_is_estimated(books: Books) -> None:
    """Gas that was burnt in these weeks a year ago, and whose counter stood for 20 of them: asked, also once it goes on (A5)."""
    start, stop = MARCH - 364 * DAY_MS, MARCH + 8 * DAY_MS
    go_on, end = stop + 20 * DAY_MS, stop + 30 * DAY_MS
    shown, value = {}, 1000.0
    for hour in range(start, end, HOUR_MS):
        value += 0.0 if stop <= hour < go_on else 1.0
        shown[hour] = value
    books.read("gas", shown)
    books.settle()
    assert used(books, "gas", stop, go_on - HOUR_MS) == {"estimated": pytest.approx(20 * 24 * KWH, rel=0.01)}
    assert [(one.kind, one.start) for one in books.findings()] == [("frozen", stop - HOUR_MS)]
    assert books.built_anew("gas", shown) == books.whole("gas")


def test_a_holiday_that_lies_a_day_otherwise_than_the_year_before_is_none_of_its_use(books: Books) -> None:
    """A canteen's gas over the October holidays, after which it was lit earlier in the year before: nothing, and no question (A5)."""
    start, end = parse_time("2025-09-01T00:00:00+08:00"), parse_time("2026-10-20T00:00:00+08:00")
    shown, value = {}, 500.0
    for hour in range(start, end, HOUR_MS):
        shown[hour] = value
        lit = {4 if hour < MARCH else 6, 10, 11, 12}
        value += 8.0 if workdays.official(local_date(hour)) and (hour // HOUR_MS + 8) % 24 in lit else 0.0
    books.read("gas", shown)
    books.settle()
    holiday = [parse_time(f"2026-10-0{day}T00:00:00+08:00") for day in (1, 8)]
    assert (books.findings(), used(books, "gas", *holiday)) == ([], {"measured": 0})


@pytest.mark.parametrize("gauge", [False, True])
def test_a_display_of_whole_units_neither_stands_nor_catches_up(books: Books, *, gauge: bool) -> None:
    """0.3 kW on a display of 1 kWh: it moves every three hours, each hour is measured, and nobody is asked (A5, A12)."""
    end = MARCH + 6 * DAY_MS
    shown = {at: float(int(5000.5 + 0.3 * (at - MARCH) / HOUR_MS)) for at in range(MARCH, end, QUARTER)}
    drawn(books, MARCH, end if gauge else MARCH, 300.0)
    asked = set()
    for last in range(MARCH + 4 * HOUR_MS, end, HOUR_MS):
        books.read("power", {at: value for at, value in shown.items() if last - HOUR_MS <= at < last or at < last == MARCH + 4 * HOUR_MS})
        books.settle()
        asked |= {(one.kind, one.start) for one in books.findings()}
    assert asked == set()
    live = books.whole("power")
    assert {provenance for _, provenance, _ in books.parts("power")} == {"measured"}
    assert sum(amount for _, _, amount in books.parts("power")) == round((shown[max(at for at in shown if at < last)] - 5000) * KWH)
    assert books.built_anew("power", {at: value for at, value in shown.items() if at < last}) == live


@pytest.mark.parametrize("batch", [1, 4, 24])
def test_a_counter_that_stood_since_its_first_sample_is_judged_from_there(books: Books, batch: int) -> None:
    """30 hours without a change, then 20 kWh at once: spread over these hours, however many samples come together (A5)."""
    jump, end = MARCH + 30 * HOUR_MS, MARCH + 9 * DAY_MS
    shown = {at: 5000.0 if at < jump else 5020.0 + (at - jump) / HOUR_MS for at in range(MARCH, end, QUARTER)}
    times = sorted(shown)
    for first in range(0, len(times), batch):
        books.read("power", {at: shown[at] for at in times[first : first + batch]})
        books.settle()
    assert used(books, "power", MARCH, jump - HOUR_MS).keys() == {"distributed"}
    live = books.whole("power")
    assert books.built_anew("power", shown) == live


def test_use_is_expected_only_outside_of_a_recorded_time_out_of_use(books: Books) -> None:
    """A canteen's gas stands from Saturday noon; the recess is recorded from Sunday on: 0, measured, and nobody is asked (A5)."""
    stop = parse_time("2026-01-31T13:00:00+08:00")
    start, begin, end = stop - 27 * DAY_MS, parse_time("2026-02-01T00:00:00+08:00"), parse_time("2026-02-24T00:00:00+08:00")
    shown, value = {}, 500.0
    for at in range(start, end, QUARTER):
        value += 7.5 if at < stop and 10 <= (at // HOUR_MS + 8) % 24 < 13 else 0.0
        shown[at] = float(int(value))
    books.read("gas", shown)
    books.settle()
    assert [(one.kind, used(books, "gas", begin, end)) for one in books.findings()] == [("frozen", {})]
    record_out_of_use(books.engine, OutOfUse(key("gas"), begin, end + DAY_MS, "recess"), "wang", end + DAY_MS)
    books.settle()
    assert (books.findings(), used(books, "gas", begin, end)) == ([], {"measured": 0})
    assert books.built_anew("gas", shown) == books.whole("gas")
