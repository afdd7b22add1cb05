"""What comes later decides the same as if it had been there: passes that meet, late years, rests, first zeros, busy first days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import pytest

from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date
from contract import workdays
from tests.cloud.books.test_gaps_and_freezes import KWH, at, used
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_findings.py asks both."""
MARCH, QUARTER = at("2026-03-02"), HOUR_MS // 4
LATER = at("2026-12-31")


def counting(times: Iterable[int], load: Callable[[int], float], first: float = 1000.0) -> dict[int, float]:
    """A counter that uses `load` from each hour to the next."""
    samples, value = {}, first
    for when in times:
        samples[when] = round(value, 2)
        value += load(when)
    return samples


def hour_of_day(when: int) -> int:
    return (when // HOUR_MS + 8) % 24


def come(books: Books, meter: str, samples: Mapping[int, float], number: int = 24) -> None:
    """Samples as they come, so many at once."""
    rows = sorted(samples.items())
    for start in range(0, len(rows), number):
        books.read(meter, dict(rows[start : start + number]))
        books.settle()


def asked(books: Books) -> list[str]:
    return [one.kind for one in books.findings(LATER)]


def test_passes_that_meet_count_an_hour_once(books: Books) -> None:
    """Another register's value for 18 days over a lesson: all that was used, no question, and the same as counted anew."""
    start, other, back, end = (at(day) for day in ("2025-11-28", "2025-12-28", "2026-01-15", "2026-02-05"))
    silent = range(other - 29 * HOUR_MS, other, HOUR_MS)
    samples = {
        when: 10.0 + 2 * (when - other) / HOUR_MS if other <= when < back else 5000.0 + 2 * (when - start) / HOUR_MS
        for when in range(start, end, HOUR_MS)
        if when not in silent
    }
    come(books, "far", samples)
    live = books.whole("far")
    assert (sum(used(books, "far", start, end).values()), asked(books)) == (3310 * KWH, [])
    assert books.built_anew("far", samples) == live


def test_a_gap_before_a_standstill_over_a_lesson_is_one_standstill(books: Books) -> None:
    """Silent for 20 hours around the hour in which a lesson begins, then standing: the span ends where the gap began."""
    start, stop = at("2026-02-01"), at("2026-03-01") + 5 * HOUR_MS + QUARTER
    times = [when for when in range(start, stop + 8 * DAY_MS, QUARTER) if not stop - 20 * HOUR_MS <= when < stop]
    samples = {when: round(5000 + 2 * (min(when, stop) - start) / HOUR_MS, 2) for when in times}
    come(books, "far", {when: value for when, value in samples.items() if when < stop}, 96)
    come(books, "far", {when: value for when, value in samples.items() if when >= stop}, 8)
    live = books.whole("far")
    assert used(books, "far", stop - 19 * HOUR_MS, stop) == {}
    assert books.built_anew("far", samples) == live


@pytest.mark.parametrize("again", [False, True])
def test_a_judgement_just_behind_what_is_counted_anew_stays(books: Books, *, again: bool) -> None:
    """A sample six hours before a reset comes late, or twice: the reset stays known, and a return to its level is an excursion."""
    reset, back = MARCH + 10 * DAY_MS, MARCH + 16 * DAY_MS
    samples = {
        when: 2.0 * (when - reset) / HOUR_MS if reset <= when < back else 5000.0 + 2 * (when - MARCH) / HOUR_MS
        for when in range(MARCH, MARCH + 30 * DAY_MS, HOUR_MS)
    }
    late = reset - 6 * HOUR_MS
    books.read("far", {when: value for when, value in samples.items() if when < reset + DAY_MS and (again or when != late)})
    books.settle()
    books.read("far", {late: samples[late]})
    books.settle()
    assert [row[3] for row in books.whole("far")[1]] == ["reset"]
    come(books, "far", {when: value for when, value in samples.items() if when >= reset + DAY_MS}, 6)
    live = books.whole("far")
    assert (sum(used(books, "far", MARCH, LATER).values()), asked(books)) == (1438 * KWH, [])
    assert books.built_anew("far", samples) == live


@pytest.mark.parametrize("recorded", [False, True])
def test_a_meter_that_never_moved_is_asked_about_once_another_does(books: Books, *, recorded: bool) -> None:
    """5000 from its first sample for ten days, then exchanged: what the weeks behind it use is known later, and then said."""
    new, end = MARCH + 10 * DAY_MS, MARCH + 31 * DAY_MS
    samples = {when: 5000.0 if when < new else 2.0 * (when - new) / HOUR_MS for when in range(MARCH, end, HOUR_MS)}
    if recorded:
        record_exchange(books.engine, Change(key("far"), new - HOUR_MS // 2, 5000.0, 0.0, "dead"), "wang", end)
    come(books, "far", samples)
    live = books.whole("far")
    assert asked(books) == ["frozen"]
    assert books.built_anew("far", samples) == live


def test_a_year_before_that_comes_later_contradicts_a_rest(books: Books) -> None:
    """Gas that stood for 20 days at 0, and whose readings of the year before are imported afterwards: asked about then."""
    stop = at("2026-03-10")
    go_on = stop + 20 * DAY_MS
    times = range(at("2025-03-01"), go_on + 30 * DAY_MS, HOUR_MS)
    samples = counting(times, lambda when: 0.0 if stop <= when < go_on else 1.0)
    come(books, "gas", {when: value for when, value in samples.items() if when >= at("2026-02-01")})
    assert asked(books) == []
    books.read("gas", {when: value for when, value in samples.items() if when < at("2026-02-01")})
    books.settle()
    live = books.whole("gas")
    assert asked(books) == ["frozen"]
    assert used(books, "gas", stop, go_on - HOUR_MS)["estimated"] == pytest.approx(480 * KWH, rel=0.01)
    assert books.built_anew("gas", samples) == live


def test_a_spring_festival_is_none_of_the_working_weeks_a_year_before(books: Books) -> None:
    """A canteen closed from 14 to 23 February 2026, when the same weeks of 2025 were working weeks: 0, measured, and nobody is asked."""
    cooks = (6, 10, 11, 12)
    times = range(at("2025-01-01"), at("2026-03-20"), HOUR_MS)
    samples = counting(times, lambda when: 8.0 if workdays.official(local_date(when)) and hour_of_day(when) in cooks else 0.0)
    closed = at("2026-02-20")
    books.read("gas", {when: value for when, value in samples.items() if when < closed})
    books.settle()
    come(books, "gas", {when: value for when, value in samples.items() if closed <= when < at("2026-02-24")}, 6)
    assert (used(books, "gas", at("2026-02-15"), at("2026-02-23")), asked(books)) == ({"measured": 0}, [])
    books.read("gas", {when: value for when, value in samples.items() if when >= at("2026-02-24")})
    books.settle()
    assert (used(books, "gas", at("2026-02-15"), at("2026-02-24")), asked(books)) == ({"measured": 0}, [])


def test_an_hour_that_was_missed_in_a_rare_use_is_distributed(books: Books) -> None:
    """20 m3 in two hours, once in six weeks of nearly nothing: one sample that is missing takes none of it away."""
    begin = MARCH + 20 * DAY_MS + 10 * HOUR_MS
    samples = counting(range(MARCH, MARCH + 45 * DAY_MS, HOUR_MS), lambda when: 10.0 if begin <= when < begin + 2 * HOUR_MS else 0.02)
    del samples[begin + HOUR_MS]
    books.read("water", samples)
    books.settle()
    assert (used(books, "water", begin, begin + 2 * HOUR_MS), asked(books)) == ({"distributed": 20 * KWH}, [])


@pytest.mark.parametrize("torn", [0, 2, 5])
def test_values_that_were_not_kept_are_nobodys_busiest_hours(books: Books, torn: int) -> None:
    """Four days of silence and 20 000 kWh more are a jump, though some torn words rose by hundreds in the weeks around."""
    gone, back = MARCH + 10 * DAY_MS, MARCH + 14 * DAY_MS
    sound = counting(range(MARCH, MARCH + 49 * DAY_MS, HOUR_MS), lambda _: 2.0)
    samples = {when: value + (20_000.0 if when >= back else 0.0) for when, value in sound.items() if not gone < when < back}
    for number in range(torn):
        samples[MARCH + (3 + (3 if number < 2 else 6) * number) * DAY_MS] += 655.36
    books.read("far", samples)
    books.settle()
    assert asked(books) == ["jump"]
    assert used(books, "far", gone, back) == {"estimated": 192 * KWH}


@pytest.mark.parametrize("first", [False, True])
def test_an_exchange_on_the_first_busy_day_is_placed(books: Books, *, first: bool) -> None:
    """1 kWh an hour for three weeks, 10 from the day of the exchange on: true values are placed, recorded before or after."""
    start, new, end = at("2026-08-10"), at("2026-09-01") + 10 * HOUR_MS + HOUR_MS // 2, at("2026-09-20")

    def load(when: int) -> float:
        return 10.0 if 8 <= hour_of_day(when) < 18 and when >= at("2026-09-01") else 1.0

    old = counting(range(start, new, HOUR_MS), load, 5000.0)
    samples = old | counting(range(new + HOUR_MS // 2, end, HOUR_MS), load, 5.0)
    change = Change(key("far"), new, old[new - HOUR_MS // 2] + 5.0, 0.0, "worn")
    if first:
        record_exchange(books.engine, change, "wang", end)
    come(books, "far", samples)
    if not first:
        record_exchange(books.engine, change, "wang", end)
        books.settle()
    live = books.whole("far")
    assert (sum(used(books, "far", at("2026-09-01"), at("2026-09-02")).values()), asked(books)) == (114 * KWH, [])
    assert books.built_anew("far", samples) == live


def test_what_nothing_decided_says_nothing_of_a_rest(books: Books) -> None:
    """Ten days at 100, then faster than its branch can draw: the rest is the same before and after, and counted anew."""
    rose = MARCH + 10 * DAY_MS
    times = range(MARCH, rose + 6 * DAY_MS, QUARTER)
    samples = {when: 100.0 if when < rose else round(100 + 700 * (when - rose) / HOUR_MS, 2) for when in times}
    come(books, "far", samples)
    live = books.whole("far")
    assert used(books, "far", MARCH, rose) == {"measured": 0}
    assert books.built_anew("far", samples) == live


@pytest.mark.parametrize("zeros", [1, 8, 9])
def test_first_zeros_do_not_count_a_meters_life(books: Books, zeros: int) -> None:
    """One zero or two hours of them, then 40 m3: what the meter showed in its life is no use of a quarter of an hour (A10)."""
    samples = {MARCH + number * QUARTER: 0.0 if number < zeros else round(40 + 0.05 * number, 2) for number in range(30 * 96)}
    come(books, "water", samples, 7)
    live = books.whole("water")
    assert sum(used(books, "water", MARCH, MARCH + 3 * HOUR_MS).values()) < KWH
    assert asked(books) == ["jump"]
    assert books.built_anew("water", samples) == live


def test_a_new_meter_that_begins_at_zero_counts_from_its_first_rise(books: Books) -> None:
    """Installed at 0 in a busy hour: a few days later its own busiest hours say that the first one was use, measured."""
    samples = counting(
        range(MARCH + 9 * HOUR_MS, MARCH + 12 * DAY_MS, HOUR_MS), lambda when: 6.0 if 8 <= hour_of_day(when) < 10 else 0.2, 0.0
    )
    come(books, "far", samples, 5)
    live = books.whole("far")
    assert (used(books, "far", MARCH, MARCH + 10 * HOUR_MS), asked(books)) == ({"measured": 6 * KWH}, [])
    assert books.built_anew("far", samples) == live
