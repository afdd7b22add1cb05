"""Field faults A5 to A7: a counter that stood, and what is used where nobody measured, on real stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.indicators import figures
from cloud.indicators.model import Indicator
from cloud.ledger.exchanges import OutOfUse, record_out_of_use
from cloud.ledger.periods import DAY_MS, HOUR_MS, local_date
from cloud.platform.database import writing
from cloud.telemetry.base import Stored
from contract.clock import iso, parse_time
from contract.reading import Quality, Reading
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_findings.py asks both."""
KWH = 1000
Load = Callable[[int], float]
"""What is used in an hour, in the point's unit, by its begin."""


def at(text: str) -> int:
    return parse_time(f"{text}T00:00:00+08:00")


def office(hour: int) -> float:
    """40 kWh on every day, most of it by day."""
    return 3.0 if 8 <= (hour // HOUR_MS + 8) % 24 < 18 else 10 / 14


def flat(_hour: int) -> float:
    return 2.0


def counter(start: int, end: int, load: Load = flat, first: float = 1000.0) -> dict[int, float]:
    """What a sound counter shows on each full hour from `start` to `end`."""
    found, value = {}, first
    for hour in range(start, end + 1, HOUR_MS):
        found[hour] = round(value, 2)
        value += load(hour)
    return found


def stood(samples: dict[int, float], start: int, end: int) -> dict[int, float]:
    """The same counter, which shows one value from `start` to `end` and then what it would have shown."""
    return {when: samples[start] if start <= when <= end else value for when, value in samples.items()}


def without(samples: dict[int, float], start: int, end: int) -> dict[int, float]:
    return {when: value for when, value in samples.items() if not start < when < end}


def used(books: Books, meter: str, start: int, end: int) -> dict[str, int]:
    """Base units in [start, end), by provenance."""
    sums: dict[str, int] = {}
    for hour, provenance, amount in books.parts(meter):
        if start <= hour < end:
            sums[provenance] = sums.get(provenance, 0) + amount
    return sums


def energy(books: Books, now: int, year: int = 2026) -> Indicator:
    return figures.targets_of(books.engine, GROUP, year, "compound:c2", now).indicators[1]


def test_a_counter_that_catches_up_is_a_gap(books: Books) -> None:
    """20 days in which the counter stood and then 20 days' use in one step are spread over these days, and it is told (A5)."""
    start, stop, go_on, end = at("2026-05-01"), at("2026-06-20"), at("2026-07-10"), at("2026-08-01")
    sound = counter(start, end, office)
    books.read("far", stood(sound, stop, go_on))
    books.settle()
    whole = used(books, "far", start, end)
    assert sum(whole.values()) == round((sound[end] - sound[start]) * KWH)
    assert used(books, "far", stop, go_on)["distributed"] == pytest.approx(20 * 40 * KWH, rel=0.01)
    assert max(amount for _, provenance, amount in books.parts("far") if provenance == "measured") <= 3010
    assert books.rows(sa.select(tables.event.c.kind)) == [("counter_frozen",)]


def test_a_counter_that_stands_to_the_end_ends_the_span(books: Books) -> None:
    """Frozen from 1 November to the year's end: no hour has a figure, nothing is met, somebody is asked what was used (A5)."""
    start, stop, end = at("2025-01-01"), at("2026-11-01"), at("2027-01-01")
    books.read("far", stood(counter(start, end, office), stop, end))
    books.settle()
    assert used(books, "far", stop, end) == {}
    (found,) = books.findings(end)
    assert (found.meter, found.kind, found.start, found.counted) == ("far", "frozen", stop, 0)
    assert found.amount == pytest.approx(61 * 40 * KWH, rel=0.05)
    indicator = energy(books, at("2027-01-05"))
    assert (indicator.actual.end, indicator.status) == (iso(stop), "no_figure")
    assert indicator.change == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(("days", "stands", "asked"), [(1, False, False), (3, True, False), (8, True, True)])
def test_what_a_counter_that_stands_did_not_count_is_not_nothing(books: Books, days: int, *, stands: bool, asked: bool) -> None:
    """From two days on an office's hours are absent and no 0, while only its usual use speaks; after seven somebody is asked (A5)."""
    start, stop = at("2026-05-01"), at("2026-06-20")
    end = stop + days * DAY_MS
    samples = stood(counter(start, end, office), stop, end)
    for last in range(stop, end + 1, DAY_MS // 3):
        books.read("far", {when: value for when, value in samples.items() if last - DAY_MS // 3 < when <= last or when <= stop == last})
        books.settle()
    assert used(books, "far", stop, end) == ({} if stands else {"measured": 0})
    assert [(one.kind, one.start) for one in books.findings(end + HOUR_MS)] == ([("frozen", stop)] if asked else [])
    live = books.whole("far")
    assert books.built_anew("far", samples) == live


def test_a_counter_that_stands_after_a_gap_may_have_stopped_in_it(books: Books) -> None:
    """Silent for eight days of which it counted five, then standing: nothing is known since it fell silent, until it goes on (A5, A6)."""
    start, silent, stop, back, on = (at(f"2026-{day}") for day in ("05-01", "06-16", "06-21", "06-24", "06-30"))
    sound = counter(start, on + 10 * DAY_MS, office)
    samples = without(stood(sound, stop, on), silent, back)
    samples |= {when: round(value - sound[on] + sound[stop], 2) for when, value in sound.items() if when > on}
    for until in (on - 3 * DAY_MS, on - DAY_MS, on):
        books.read("far", {when: value for when, value in samples.items() if when <= until})
        books.settle()
        assert used(books, "far", silent, on) == {}
        judged = tables.judgement.c
        query = sa.select(judged.since, judged.at, judged.until, judged.amount, judged.stake).where(judged.kind == "frozen")
        stake = ((until - back) // DAY_MS + 5) * 40 * KWH
        assert books.rows(query) == [(silent, back, until, 0, pytest.approx(stake, rel=0.01))]
    books.read("far", samples)
    books.settle()
    assert used(books, "far", silent, back) == {"distributed": pytest.approx(5 * 40 * KWH)}
    assert sum(used(books, "far", start, on + 10 * DAY_MS).values()) == round((samples[on + 10 * DAY_MS] - samples[start]) * KWH)
    live = books.whole("far")
    assert books.built_anew("far", samples) == live


def test_a_counter_that_often_rests_is_not_taken_for_frozen_when_it_does(books: Books) -> None:
    """A garden is watered every fifth day; that it stands for four is as it always was, and its hours are 0, measured (A5)."""
    start, end = at("2026-05-01"), at("2026-07-04")
    watered = counter(
        start, end, lambda hour: 6.0 if (hour - start) // DAY_MS % 5 == 0 and (hour // HOUR_MS + 8) % 24 in {4, 5, 6} else 0.0
    )
    books.read("water", watered)
    books.settle()
    last = max(when for when in watered if watered[when] < watered[end]) + HOUR_MS
    assert (end - last > 3 * DAY_MS, used(books, "water", last, end), books.findings(end)) == (True, {"measured": 0}, [])


def test_days_off_that_no_calendar_knows_are_nothing_once_they_are_over(books: Books) -> None:
    """For four days nobody came: absent while the counter stands, 0 and measured once it goes on as before, and nobody was asked (A5)."""
    start, stop, go_on, end = at("2026-05-01"), at("2026-06-20"), at("2026-06-24"), at("2026-07-10")
    samples = counter(start, end, lambda hour: 0.0 if stop <= hour < go_on else office(hour))
    books.read("far", {when: value for when, value in samples.items() if when <= go_on})
    books.settle()
    assert (used(books, "far", stop, go_on), books.findings(go_on)) == ({}, [])
    books.read("far", {when: value for when, value in samples.items() if when > go_on})
    books.settle()
    assert (used(books, "far", stop, go_on), books.findings(end)) == ({"measured": 0}, [])
    assert sum(used(books, "far", start, end).values()) == round((samples[end] - samples[start]) * KWH)
    assert [kind for (kind,) in books.rows(sa.select(tables.event.c.kind))] == []
    live = books.whole("far")
    assert books.built_anew("far", samples) == live


def power_point(books: Books, meter: str, start: int, end: int, watts: float) -> None:
    readings = [Reading(meter, "power", watts, when, Quality.GOOD) for when in range(start, end, 15 * 60_000)]
    assert books.telemetry.write([Stored(books.site.group, "electricity", reading) for reading in readings]) == []


@pytest.mark.parametrize(("watts", "frozen"), [(2000.0, True), (0.0, False)])
def test_power_that_is_drawn_while_the_counter_stands(books: Books, watts: float, *, frozen: bool) -> None:
    """Three hours are enough where the meter's power says that something is used; where it says 0, the counter rests (A5)."""
    start, stop, end = at("2026-03-01"), at("2026-03-02"), at("2026-03-02") + 3 * HOUR_MS
    power_point(books, "far", start, stop, 2000.0)
    power_point(books, "far", stop, end, watts)
    books.read("far", stood(counter(start, end), stop, end))
    books.settle()
    assert used(books, "far", stop, end) == ({} if frozen else {"measured": 0})
    assert [(one.kind, one.start, one.amount) for one in books.findings(end)] == ([("frozen", stop, 6 * KWH)] if frozen else [])


def test_power_of_before_and_after_a_rest_says_nothing_of_it(books: Books) -> None:
    """A canteen's counter rests from within one hour to within another; power that is the mean of a quarter is no use in between (A5)."""
    start, stop, go_on, end = at("2026-03-02"), at("2026-03-03") + 15 * HOUR_MS // 2, at("2026-03-03") + 33 * HOUR_MS // 2, at("2026-03-04")
    minutes = [range(start, end, 15 * 60_000), range(stop - 60_000, stop + 20 * 60_000, 15_000)]
    used_until = {when: (min(when, stop) - start + max(when - go_on, 0)) / HOUR_MS * 40 for times in minutes for when in times}
    shown = {when: round(1000.0 + value, 2) for when, value in sorted(used_until.items())}
    mean = [
        (when, 40_000.0 * (1 - min(max((min(when, go_on) - stop) / 900_000, 0), 1) + min(max(when - go_on, 0) / 900_000, 1)))
        for when in shown
    ]
    readings = [Reading("far", "power", watts, when, Quality.GOOD) for when, watts in mean]
    assert books.telemetry.write([Stored(books.site.group, "electricity", reading) for reading in readings]) == []
    books.read("far", shown)
    books.settle()
    assert books.rows(sa.select(tables.judgement)) == []
    assert used(books, "far", start, end) == {"measured": pytest.approx((shown[max(shown)] - 1000.0) * KWH, abs=1)}


@pytest.mark.parametrize("known_before", [True, False])
def test_out_of_use_is_truly_nothing(books: Books, *, known_before: bool) -> None:
    """A counter that stands while the meter was out of use counts 0, measured, whenever that was recorded (A5)."""
    start, stop, end = at("2026-01-01"), at("2026-03-01"), at("2026-04-01")
    samples = stood(counter(start, end, office), stop, end)
    record = OutOfUse(key("far"), stop, None, "the building is empty")
    if known_before:
        record_out_of_use(books.engine, record, "wang", end)
    books.read("far", samples)
    books.settle()
    if not known_before:
        assert [one.kind for one in books.findings(end)] == ["frozen"]
        record_out_of_use(books.engine, record, "wang", end)
        books.settle()
    assert used(books, "far", stop, end) == {"measured": 0}
    assert books.findings(end) == []
    assert len([hour for hour, _, _ in books.parts("far") if hour >= stop]) == 31 * 24


@pytest.mark.parametrize("known_before", [True, False])
@pytest.mark.parametrize(
    ("records", "covered"),
    [
        ([("03-01", "03-10"), ("03-10", None)], True),
        ([("03-01", "03-20"), ("03-05", "03-06"), ("03-12", None)], True),
        ([("03-12", None), ("03-01", "03-12")], True),
        ([("03-01", "03-10"), ("03-13", None)], False),
    ],
)
def test_records_that_touch_are_one_time_out_of_use(
    books: Books, records: list[tuple[str, str | None]], *, covered: bool, known_before: bool
) -> None:
    """A rest that two records cover without a hole between them counts 0, measured; with three days between them it is asked about."""
    start, stop, end = at("2026-01-01"), at("2026-03-01"), at("2026-04-01")
    made = [
        OutOfUse(key("far"), at(f"2026-{since}"), at(f"2026-{until}") if until else None, "the building is empty")
        for since, until in records
    ]
    samples = stood(counter(start, end, office), stop, end)
    if not known_before:
        books.read("far", samples)
        books.settle()
    for record in made:
        record_out_of_use(books.engine, record, "wang", end)
        books.settle()
    if known_before:
        books.read("far", samples)
        books.settle()
    assert used(books, "far", stop, end) == ({"measured": 0} if covered else {})
    assert [one.kind for one in books.findings(end)] == ([] if covered else ["frozen"])


@pytest.mark.parametrize("until", ["03-02", "03-10", "03-29"])
def test_a_time_out_of_use_that_is_shortened_is_asked_about_again(books: Books, until: str) -> None:
    """A record until further notice that is corrected to one day leaves the rest of the standstill to be asked about."""
    start, stop, end = at("2026-01-01"), at("2026-03-01"), at("2026-04-01")
    books.read("far", stood(counter(start, end, office), stop, end))
    books.settle()
    for corrected in (None, at(f"2026-{until}")):
        record_out_of_use(books.engine, OutOfUse(key("far"), stop, corrected, "the building is empty"), "wang", end)
        books.settle()
    assert used(books, "far", stop, end) == {}
    assert [one.kind for one in books.findings(end)] == ["frozen"]


def garden(hour: int) -> float:
    """Water for a garden: morning and evening from April to October."""
    return 1.5 if 4 <= local_date(hour).month <= 10 and (hour // HOUR_MS + 8) % 24 in {6, 7, 18} else 0.0


def canteen(hour: int) -> float:
    """Gas of a canteen that is closed in July and August."""
    return 4.0 if local_date(hour).month not in {7, 8} and (hour // HOUR_MS + 8) % 24 in {10, 11, 16, 17} else 0.0


@pytest.mark.parametrize(("meter", "load", "since", "until"), [("water", garden, 11, 3), ("gas", canteen, 7, 8)])
def test_a_rest_of_every_year_is_truly_nothing(books: Books, meter: str, load: Load, since: int, until: int) -> None:
    """A garden meter in winter and a canteen's gas in recess count 0, measured, once a year has shown that they rest (A5)."""
    start, end = at("2024-12-01"), at("2026-12-20")
    sound = counter(start, end, load)
    books.read(meter, sound)
    books.settle()
    rest = (at("2026-07-02"), at("2026-08-30")) if since < until else (at("2026-11-02"), end)
    assert used(books, meter, *rest) == {"measured": 0}
    assert [one for one in books.findings(end) if one.end > at("2026-01-01")] == []
    assert sum(used(books, meter, start, end).values()) == round((sound[end] - sound[start]) * KWH)


def test_a_season_that_ends_some_days_earlier_is_no_freeze(books: Books) -> None:
    """A garden was watered once more in the autumn before; that it rests since the end of October is asked of nobody (A5)."""
    start, last, end = at("2025-01-01"), at("2026-10-29"), at("2027-01-01")

    def watered(hour: int) -> float:
        month = 4 <= local_date(hour).month <= 10 and not last < hour
        return 4.0 if month and (hour - start) // DAY_MS % 2 == 0 and (hour // HOUR_MS + 8) % 24 in {4, 5, 6} else 0.0

    books.read("water", counter(start, end, watered))
    for until in range(last, end, 7 * DAY_MS):
        books.settle()
        books.touch("water", [until])
    books.settle()
    assert [one for one in books.findings(end) if one.start >= last - 3 * DAY_MS] == []
    assert used(books, "water", at("2026-11-01"), end) == {"measured": 0}


def restarted(sound: dict[int, float], moment: int) -> dict[int, float]:
    """The counter that begins anew at 0 at a moment."""
    return {when: value if when < moment else round(value - sound[moment], 2) for when, value in sound.items()}


def test_a_reset_inside_a_gap_is_estimated(books: Books) -> None:
    """What was used before a reset within ten days of silence is estimated from the usual use, marked, and asked (A6)."""
    start, silent, reset, back, end = (at(f"2026-{day}") for day in ("01-01", "03-02", "03-09", "03-12", "04-10"))
    books.read("far", without(restarted(counter(start, end, office), reset), silent, back))
    books.settle()
    assert used(books, "far", silent, back) == {"estimated": pytest.approx(400 * KWH, rel=0.02)}
    (found,) = books.findings(end)
    assert (found.kind, found.start, found.end, found.counted) == ("reset", silent, back, found.amount)
    assert used(books, "far", back, end) == {"measured": 29 * 40 * KWH}


@pytest.mark.parametrize("first", [344.64, 600.0])
def test_a_turn_inside_a_gap_is_found(books: Books, first: float) -> None:
    """A counter of 16 bits in hundredths turned within 12 days: the usual use says how often (A6)."""
    modulus = 655.36
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.id == "power").values(modulus=modulus, max_rate=None))
    start, silent, back, end = (at(f"2026-{day}") for day in ("02-01", "03-02", "03-14", "04-10"))
    sound = counter(start, end, office, first)
    turning = {when: round(value % modulus, 2) for when, value in sound.items()}
    books.read("power", without(turning, silent, back))
    books.settle()
    assert sum(used(books, "power", silent, back).values()) == pytest.approx(480 * KWH, rel=0.02)
    assert sum(used(books, "power", start, end).values()) == pytest.approx((sound[end] - sound[start]) * KWH, rel=0.01)


def test_a_reset_hidden_in_weeks_is_found(books: Books) -> None:
    """The counter is higher again after eight weeks, though by less than half of what is usual: estimated, and asked (A7)."""
    start, silent, back, end = (at(f"2026-{day}") for day in ("01-22", "03-02", "04-27", "05-25"))
    reset = silent + 7 * DAY_MS
    sound = counter(start, end, office, first=0.0)
    shown = without(restarted(sound, reset), silent, back)
    assert 0 < shown[back] - shown[silent] < 20 * 40
    books.read("far", shown)
    books.settle()
    (found,) = books.findings(end)
    assert (found.kind, found.start, found.end) == ("shortfall", silent, back)
    assert used(books, "far", silent, back) == {"estimated": pytest.approx(56 * 40 * KWH, rel=0.03)}
    assert found.amount == pytest.approx(found.counted - (shown[back] - shown[silent]) * KWH, abs=1)


@pytest.mark.parametrize("part", [0.55, 0.8])
def test_a_saving_over_a_gap_survives(books: Books, part: float) -> None:
    """Weeks of silence in which truly less was used are what the counter says, and nobody is asked (A7)."""
    start, silent, back, end = (at(f"2026-{day}") for day in ("01-01", "03-02", "04-27", "05-25"))
    sound = counter(start, end, lambda hour: office(hour) * (part if silent <= hour < back else 1.0))
    books.read("far", without(sound, silent, back))
    books.settle()
    assert used(books, "far", silent, back) == {"distributed": round((sound[back] - sound[silent]) * KWH)}
    assert books.findings(end) == []
