"""Gaps are spread by the load shape of a complete month before them, on real stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger.counters import RecordedShape
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import record_profile
from cloud.ledger.shapes import LoadShape, kind_of, weights_of
from contract.clock import parse_time
from tests.cloud import tables
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

AUGUST, SEPTEMBER, OCTOBER = (parse_time(f"2026-{month}-01T00:00:00+08:00") for month in ("08", "09", "10"))
TAUGHT = SEPTEMBER + 4 * HOUR_MS
"""From when on holds what August taught: 03:00 is the hour in which it is looked."""
GAP = range(OCTOBER - 3 * DAY_MS, OCTOBER + 3 * DAY_MS, HOUR_MS)
"""Monday 28 September to the third day of the holiday."""
FREE = {date(2026, 8, day) for day in (1, 2, 8, 9, 15, 16, 22, 23, 29, 30)} | {date(2026, 10, day) for day in range(1, 8)}
FREE |= {date(2026, 9, day) for day in (5, 6, 12, 13, 19, 25, 26, 27)}
"""As announced: Sunday 20 September is worked instead of a day of the holiday."""
Load = Callable[[int], int]


def office(hour: int) -> int:
    """What an office uses in an hour, Wh: 10 kWh from 8 to 18 on working days, else 1 kWh."""
    day, of_day = divmod(hour // HOUR_MS + 8, 24)
    return 10_000 if 8 <= of_day < 18 and date.fromordinal(date(1970, 1, 1).toordinal() + day) not in FREE else 1_000


def autumn(hour: int) -> int:
    """The same a little higher, and no hour as the other."""
    return office(hour) * (95 + hour // HOUR_MS * 7 % 21) // 100


def counter(hours: Iterable[int], load: Load, first: float = 1000.0) -> dict[int, float]:
    """What a counter shows at the begin of each hour and at the end of the last."""
    shown, value = {}, round(first * 1000)
    for hour in hours:
        shown[hour] = value / 1000
        value += load(hour)
        shown[hour + HOUR_MS] = value / 1000
    return shown


def taught(books: Books) -> dict[int, float]:
    """A counter over August and until its lesson is written."""
    shown = counter(range(AUGUST, TAUGHT, HOUR_MS), office)
    books.read("power", shown)
    books.settle()
    return shown


def silent(shown: Mapping[int, float], hours: range) -> dict[int, float]:
    """A counter that tells nothing between the begin of some hours and their end."""
    return {at: value for at, value in shown.items() if not hours.start < at < hours.stop}


def until_holiday(books: Books) -> dict[int, float]:
    """A counter that learnt in August and is silent over the gap; settled until there."""
    known = taught(books)
    shown = silent(counter(range(TAUGHT, OCTOBER + 5 * DAY_MS, HOUR_MS), autumn, known[TAUGHT]), GAP)
    books.read("power", {at: value for at, value in shown.items() if at <= GAP.start})
    books.settle()
    return known | shown


def spread(books: Books, hours: range) -> list[int]:
    """Base units of the hours of a gap, of which nothing but its sum was measured."""
    found = [(hour, kind, amount) for hour, kind, amount in books.parts("power") if hour in hours]
    assert [(hour, kind) for hour, kind, _ in found] == [(hour, "distributed") for hour in hours]
    return [amount for _, _, amount in found]


def is_even(amounts: list[int]) -> bool:
    return max(amounts) - min(amounts) <= 1


def shapes(books: Books) -> list[LoadShape]:
    row = tables.learnt.c
    return [LoadShape(*found) for found in books.rows(sa.select(row.valid_from, row.weights).order_by(row.valid_from))]


def test_a_gap_over_a_holiday_leaves_each_month_what_it_used(books: Books) -> None:
    """Hours follow August's working days and days off within one Wh, the sum is exact, and September is right within 1 %."""
    shown = until_holiday(books)
    books.read("power", {at: value for at, value in shown.items() if at >= GAP.stop})
    books.settle()
    amounts, usual = spread(books, GAP), [office(hour) for hour in GAP]
    total = sum(amounts)
    assert total == sum(map(autumn, GAP)) == round((shown[GAP.stop] - shown[GAP.start]) * 1000)
    assert all(abs(amount - total * weight / sum(usual)) < 1 for amount, weight in zip(amounts, usual, strict=True))
    assert sum(amounts[72:]) / total == pytest.approx(3 * 24 / (3 * 24 + 3 * 114), abs=1e-4)
    truth = sum(office(hour) if hour < TAUGHT else autumn(hour) for hour in range(SEPTEMBER, OCTOBER, HOUR_MS))
    counted = sum(amount for hour, _, amount in books.parts("power") if SEPTEMBER <= hour < OCTOBER)
    assert abs(counted / truth - 1) < 0.01
    assert abs((counted - sum(amounts[:72]) + total / 2) / truth - 1) > 0.03


def test_counted_anew_it_is_the_same(books: Books) -> None:
    """Day by day or all at once: gaps before August was learnt from, open while it was, after it, and behind the next lesson."""
    whole = counter(range(AUGUST - 5 * DAY_MS, OCTOBER + 9 * DAY_MS, HOUR_MS), office)
    gaps = [(AUGUST + 5 * DAY_MS, 30), (TAUGHT, 20), (TAUGHT + DAY_MS, 24), (OCTOBER - DAY_MS, 70), (OCTOBER + 7 * DAY_MS, 20)]
    hours = [range(begin, begin + length * HOUR_MS, HOUR_MS) for begin, length in gaps]
    for gap in hours:
        whole = silent(whole, gap)
    whole[TAUGHT - HOUR_MS // 2] = whole.pop(TAUGHT) - 0.5
    for end in range(AUGUST - 5 * DAY_MS + 4 * HOUR_MS, OCTOBER + 10 * DAY_MS, DAY_MS):
        books.read("power", {at: value for at, value in whole.items() if end - DAY_MS < at <= end})
        books.settle()
    live, before = books.parts("power"), shapes(books)
    assert [shape.valid_from for shape in before] == [TAUGHT, OCTOBER + 2 * DAY_MS + 4 * HOUR_MS]
    books.touch("power", {at // HOUR_MS * HOUR_MS for at in whole})
    books.settle()
    assert books.parts("power") == live
    books.built_anew("power", whole)
    assert (books.parts("power"), shapes(books)) == (live, before)
    assert [is_even(spread(books, gap)) for gap in hours] == [True, True, False, False, False]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_recorded_profile_takes_precedence(books: Books) -> None:
    """What somebody recorded before the gap began spreads it, though August taught otherwise."""
    shown = until_holiday(books)
    record_profile(books.engine, key("power"), RecordedShape(GAP.start, (1,) * 168), "wang", GAP.start)
    books.read("power", {GAP.stop: shown[GAP.stop]})
    books.settle()
    assert is_even(spread(books, GAP))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_gap_that_is_open_while_a_month_teaches_is_spread_evenly(books: Books) -> None:
    """A counter that fell silent in the hour of the lesson: its gap began before that holds, the next one did not."""
    shown = counter(range(AUGUST, SEPTEMBER + 4 * DAY_MS, HOUR_MS), office)
    last = TAUGHT - HOUR_MS // 2
    books.read("power", {at: value for at, value in shown.items() if at < last} | {last: shown[TAUGHT - HOUR_MS] + 0.5})
    books.settle()
    assert [shape.valid_from for shape in shapes(books)] == [TAUGHT]
    first, second = range(TAUGHT, TAUGHT + 20 * HOUR_MS, HOUR_MS), range(TAUGHT + 20 * HOUR_MS, TAUGHT + 40 * HOUR_MS, HOUR_MS)
    for end in (first.stop, second.stop):
        books.read("power", {end: shown[end]})
        books.settle()
    assert is_even(spread(books, first))
    assert spread(books, second) == [office(hour) for hour in second]


@pytest.mark.parametrize("hours", [2, 7, 250])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_comes_in_at_once_teaches_too(books: Books, hours: int) -> None:
    """A backlog ends in whatever hour of a day; what comes in live is looked at once a day, at 03:00."""
    shown = counter(range(AUGUST, SEPTEMBER + hours * HOUR_MS, HOUR_MS), office)
    books.read("power", {at: value for at, value in shown.items() if at < SEPTEMBER - 9 * HOUR_MS})
    books.settle()
    assert shapes(books) == []
    books.read("power", {at: value for at, value in shown.items() if at >= SEPTEMBER - 9 * HOUR_MS})
    books.settle()
    assert [shape.valid_from for shape in shapes(books)] == ([] if hours < 3 else [SEPTEMBER + hours * HOUR_MS])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_incomplete_month_teaches_no_shape(books: Books) -> None:
    """Of August four days are missing: nothing is learnt, and a gap of September is spread evenly."""
    missing, gap = range(AUGUST + 9 * DAY_MS, AUGUST + 13 * DAY_MS), range(TAUGHT, TAUGHT + DAY_MS, HOUR_MS)
    shown = silent(silent(counter(range(AUGUST, TAUGHT + 2 * DAY_MS, HOUR_MS), office), missing), gap)
    for samples in ({at: value for at, value in shown.items() if at <= TAUGHT}, shown):
        books.read("power", samples)
        books.settle()
    assert shapes(books) == []
    assert is_even(spread(books, gap))


def test_an_hour_that_days_of_one_kind_never_measured_is_that_of_the_others() -> None:
    """Days off that never told 09:00 take it from working days; where no day told it, there is no shape."""
    month = {hour: office(hour) for hour in range(AUGUST, SEPTEMBER, HOUR_MS)}
    known = weights_of({hour: amount for hour, amount in month.items() if kind_of(hour) != (False, 9)}) or ""
    of_day = [1_000_000] * 8 + [10_000_000] * 10 + [1_000_000] * 6
    assert json.loads(known) == of_day + [1_000_000] * 9 + [10_000_000] + [1_000_000] * 14
    assert weights_of({hour: amount for hour, amount in month.items() if kind_of(hour)[1] != 9}) is None


def test_weights_keep_what_is_less_than_a_base_unit() -> None:
    """An hour that used 1 Wh on one of three days has a third of it, and one that fell by a step on each has nothing."""
    day = range(SEPTEMBER, SEPTEMBER + DAY_MS, HOUR_MS)
    month = {hour + n * DAY_MS: {0: 1 if n == 0 else 0, 1: -1}.get(index, 5) for index, hour in enumerate(day) for n in range(3)}
    assert json.loads(weights_of(month) or "")[:3] == [333, 0, 5000]


def test_a_shape_follows_the_official_calendar() -> None:
    """The holiday's Thursday is a day off and the Saturday after it is worked, each hour by Shanghai's clock."""
    shape = LoadShape(0, json.dumps([*range(24), *range(100, 124)]))
    thursday, saturday = OCTOBER, OCTOBER + 9 * DAY_MS
    assert [shape.weight(hour) for hour in (thursday - HOUR_MS, thursday, saturday, saturday + 23 * HOUR_MS)] == [23, 100, 0, 23]
    assert (kind_of(thursday), kind_of(saturday + 8 * HOUR_MS)) == ((False, 0), (True, 8))
