"""Field faults A2, A9 and A10: rises over gaps and standstills that no use of the meter explains, and real ones that are as large."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud.ledger import book
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.recorded import RecordError
from tests.cloud import tables
from tests.cloud.books.test_gaps_and_freezes import KWH, at, counter, flat, office, stood, used, without
from tests.cloud.district import key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is judged is one for both databases; test_findings.py asks both."""
QUARTER = HOUR_MS // 4
SEEDS = range(int(os.environ.get("SEEDS", "4")))
START, BROKE, BACK, END = at("2026-03-02"), at("2026-03-12"), at("2026-03-16"), at("2026-04-20")


def raised(samples: dict[int, float], since: int, more: float) -> dict[int, float]:
    """The counter that shows more from a moment on."""
    return {when: round(value + more, 2) if when >= since else value for when, value in samples.items()}


def lived(books: Books, meter: str, samples: dict[int, float]) -> None:
    """Samples as they come, a day at once; counted anew they give the same."""
    days: dict[int, dict[int, float]] = {}
    for when, value in samples.items():
        days.setdefault(when // DAY_MS, {})[when] = value
    for day in days.values():
        books.read(meter, day)
        books.settle()
    live = books.whole(meter)
    assert books.built_anew(meter, samples) == live


def asked(books: Books) -> list[tuple[str, int, int, int, int]]:
    return [(one.kind, one.start, one.end, one.amount, one.counted) for one in books.findings(END)]


def test_a_gap_behind_which_another_meter_counts_is_the_usual_use(books: Books) -> None:
    """Four days of silence and 20 000 kWh more are four days of 48 kWh, estimated, and a question; live and counted anew."""
    sound = counter(START, END)
    lived(books, "far", without(raised(sound, BACK, 20_000.0), BROKE, BACK))
    assert used(books, "far", BROKE, BACK) == {"estimated": 192 * KWH}
    assert asked(books) == [("jump", BROKE, BACK, 20_192 * KWH, 192 * KWH)]


@pytest.mark.parametrize("shown", [5000.0, 0.0])
def test_a_standstill_elsewhere_and_a_rise_behind_it(books: Books, shown: float) -> None:
    """Four days of another value and then a third level, or 36 days of zeros and then the true one, count the usual use (A2, A10)."""
    back = BACK if shown else BROKE + 36 * DAY_MS
    end = back + 10 * DAY_MS
    sound = counter(START, end, first=13_423.7)
    wrong = {when: shown if BROKE <= when < back else value for when, value in sound.items()}
    lived(books, "far", raised(wrong, back, 26_000.0 if shown else 0.0))
    days = (back - BROKE) // DAY_MS
    assert sum(used(books, "far", BROKE - HOUR_MS, back + HOUR_MS).values()) == pytest.approx((days * 48 + 2) * KWH, abs=4 * KWH)
    assert {kind for kind, *_ in asked(books)} == {"jump"}


def test_weeks_of_zeros_of_a_meter_that_learnt_are_its_usual_use(books: Books) -> None:
    """The first sample behind 36 days of zeros rises by more than three busy hours' rate allows: the weeks count, and not 15 minutes."""
    start, zero, back, end = at("2026-02-20"), at("2026-04-10"), at("2026-05-16"), at("2026-05-29")
    sound = counter(start, end, office, first=5000.0)
    lived(books, "far", {when: 0.0 if zero <= when < back else value for when, value in sound.items()})
    assert books.rows(sa.select(tables.learnt.c.rate))[0] == (9 * KWH,)
    assert used(books, "far", zero, back)["estimated"] == pytest.approx(36 * 40 * KWH, rel=0.03)
    assert [(one.kind, one.amount) for one in books.findings(end)] == [("jump", round(sound[back] * KWH))]


@pytest.mark.parametrize(("meter", "days"), [("power", 1), ("water", 3)])
@pytest.mark.parametrize("first", [0.0, 777.0])
def test_what_a_counter_shows_behind_its_first_standstill_is_no_use(books: Books, meter: str, days: int, first: float) -> None:
    """A new meter shows nothing of itself for days, then 13 471.7: that is its life and no use here, and somebody is asked."""
    begin = START + days * DAY_MS
    samples = {when: value if when >= begin else first for when, value in counter(START, END, first=13_471.7).items()}
    lived(books, meter, samples)
    assert used(books, meter, START, begin) == {"estimated": 0}
    ((kind, since, until, amount, counted),) = asked(books)
    assert (kind, since, until, counted) == ("jump", START, begin, 0)
    assert amount == round((samples[begin] - first) * KWH)
    assert used(books, meter, begin, END) == {"measured": (END - begin) // HOUR_MS * 2 * KWH}


@pytest.mark.parametrize("after", [4, 24, 80, 24 * 8])
def test_a_first_rise_is_asked_about_at_once(books: Books, after: int) -> None:
    """A few samples behind it are enough, before any week is known; what follows changes nothing of it."""
    begin = START + 2 * DAY_MS
    samples = {when: value if when >= begin else 0.0 for when, value in counter(START, begin + after * HOUR_MS, first=13_471.7).items()}
    lived(books, "far", samples)
    assert used(books, "far", START, begin) == {"estimated": 0}
    assert [(kind, counted) for kind, *_, counted in asked(books)] == [("jump", 0)]


def test_a_new_meter_that_caught_up_counts_what_it_caught_up(books: Books) -> None:
    """Its first two days came late in one step, no steeper than what it uses then: nobody is asked, before and after a week is known."""
    begin = START + 2 * DAY_MS
    sound = counter(START, END, lambda hour: 100 * office(hour), first=0.0)
    samples = {when: value if when >= begin else 0.0 for when, value in sound.items()}
    books.read("far", {when: value for when, value in samples.items() if when <= begin + 4 * HOUR_MS})
    books.settle()
    assert asked(books) == []
    lived(books, "far", samples)
    assert asked(books) == []
    assert used(books, "far", START, begin) == {"distributed": round(samples[begin] * KWH)}


@pytest.mark.parametrize("times", [0.2, 4.0, 8.0])
def test_a_change_of_use_over_a_gap_is_asked_of_nobody(books: Books, times: float) -> None:
    """Heating that begins, or a building that is closed, while nothing is heard stays what the counter says, and so it does live."""
    sound = counter(START, END, lambda hour: office(hour) * (times if hour >= BROKE + DAY_MS else 1.0))
    samples = without(sound, BROKE, BACK)
    lived(books, "far", samples)
    assert used(books, "far", BROKE, BACK) == {"distributed": round((sound[BACK] - sound[BROKE]) * KWH)}
    assert asked(books) == []


def test_a_busy_time_within_a_gap_is_asked_of_nobody(books: Books) -> None:
    """Four days of four times the usual use, before and after which all was as always, are what the counter says."""
    sound = counter(START, END, lambda hour: office(hour) * (4.0 if BROKE <= hour < BACK else 1.0))
    lived(books, "far", without(sound, BROKE, BACK))
    assert used(books, "far", BROKE, BACK) == {"distributed": round((sound[BACK] - sound[BROKE]) * KWH)}
    assert asked(books) == []


def test_a_counter_that_rests_until_a_gap_and_after_it_tells_nothing(books: Books) -> None:
    """Of a pool that is filled once while nothing is heard nobody knows better than its counter."""
    begin = START - 20 * DAY_MS
    sound = counter(begin, END, lambda hour: 10.0 if BROKE <= hour < BROKE + 20 * HOUR_MS or hour == begin else 0.0)
    books.read("water", without(sound, BROKE, BACK))
    books.settle()
    assert used(books, "water", BROKE, BACK) == {"distributed": 200 * KWH}
    assert asked(books) == []


def test_weeks_that_a_frozen_counter_catches_up_stay_a_gap(books: Books) -> None:
    """Twenty days in which the counter stood, with a silence before it went on, are counted whole."""
    sound = counter(START, END, flat)
    on = BROKE + 20 * DAY_MS
    lived(books, "far", without(stood(sound, BROKE, on), on - 8 * HOUR_MS, on + HOUR_MS))
    assert sum(used(books, "far", BROKE, on + HOUR_MS).values()) == (20 * 48 + 2) * KWH
    assert asked(books) == []


def test_hours_of_silence_are_held_too(books: Books) -> None:
    """Five hours and 3000 kWh more are ten kWh and a question; a gap of hours that is in order is no event."""
    back = BROKE + 5 * HOUR_MS
    lived(books, "far", without(raised(counter(START, END), back, 3000.0), BROKE, back))
    assert used(books, "far", BROKE, back) == {"estimated": 10 * KWH}
    assert asked(books) == [("jump", BROKE, back, 3010 * KWH, 10 * KWH)]


def story(chance: Random) -> dict[int, float]:
    """So late in a month that it teaches nothing: half-hourly weeks of a meter with silences, standstills and other levels."""
    loads: list[Callable[[int], float]] = [office, flat, lambda hour: 60.0 * office(hour)]
    load, every = chance.choice(loads), HOUR_MS // 2
    first = counter(BROKE, BROKE + 40 * DAY_MS, load, chance.choice([0.0, 30.0, 13_000.0]))
    samples = {when: first[when // HOUR_MS * HOUR_MS] + load(when) * (when % HOUR_MS) / HOUR_MS for when in range(BROKE, max(first), every)}
    for _ in range(chance.randint(1, 4)):
        begin = chance.choice([BROKE, BROKE + chance.randint(0, 39 * 24) * HOUR_MS])
        until = begin + chance.choice([3, 20, 50, 100, 400]) * HOUR_MS
        kind, more = chance.choice(["silent", "stands", "other", "zero"]), chance.choice([0.0, 0.0, 90.0, 2500.0, 30_000.0])
        stays = samples.get(begin, 0.0)
        for when in [when for when in samples if when >= begin]:
            if when >= until:
                samples[when] += more
            elif kind == "silent" and when > begin:
                del samples[when]
            else:
                samples[when] = {"other": 5000.0, "zero": 0.0}.get(kind, stays)
    return {when: round(value, 2) for when, value in samples.items()}


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_came_in_any_order_is_judged_as_all_at_once(books: Books, seed: int) -> None:
    """Rises of every size over silences and standstills, some days of them late: live is what is counted anew."""
    chance = Random(seed)  # noqa: S311 (the same story at each run)
    samples = story(chance)
    late = {when // DAY_MS for when in samples if chance.random() < 0.002}
    coming = sorted(samples, key=lambda when: (when // DAY_MS + (chance.choice([2, 9, 30]) if when // DAY_MS in late else 0), when))
    while coming:
        number = chance.choice([5, 48, 200])
        books.read("far", {when: samples[when] for when in coming[:number]})
        del coming[:number]
        while book.settle(books.engine, books.telemetry, chance.choice([20, 100_000])):
            pass
    live = books.whole("far")
    assert books.built_anew("far", samples) == live


def test_a_record_answers_a_jump_over_a_gap(books: Books) -> None:
    """Somebody records what both meters showed in the silence: 192 kWh are then distributed, and nobody is asked any more."""
    sound = counter(START, END)
    shown = without(raised(sound, BACK, 20_000.0), BROKE, BACK)
    books.read("far", shown)
    books.settle()
    middle = BROKE + DAY_MS
    record_exchange(books.engine, Change(key("far"), middle, sound[middle], sound[middle] + 20_000, "new meter"), "wang", END)
    books.settle()
    assert used(books, "far", BROKE, BACK) == {"distributed": 192 * KWH}
    assert asked(books) == []


def exchanged(silent: int) -> tuple[dict[int, float], float]:
    """Quarters of an hour of a meter of 2 kWh an hour that is taken out at BROKE, in a silence to both sides; and what it showed last."""
    quarters = range(START, END, QUARTER)
    old, last = {when: 13_423.7 + (when - START) / QUARTER / 2 for when in quarters}, 13_423.7 + (BROKE - START) / QUARTER / 2
    shown = {when: value if when <= BROKE else (when - BROKE) / QUARTER / 2 for when, value in old.items()}
    return {when: value for when, value in shown.items() if abs(when - BROKE) >= silent}, last


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(("silent", "last", "first"), [(DAY_MS, 20_000, 0), (DAY_MS, 2_700, 0), (0, 100, 0), (0, 3, 0), (0, 0, 300)])
def test_a_recorded_value_beyond_the_usual_use_is_refused_or_waits(books: Books, silent: int, last: int, first: int, *, live: bool) -> None:
    """20 000, 2700 or 100 kWh too much are refused where the samples say so, and count nothing where these come later (A9)."""
    samples, true_last = exchanged(silent)
    change = Change(key("far"), BROKE, true_last + last, float(first), "new meter")
    if live:
        books.read("far", samples)
        books.settle()
        with pytest.raises(RecordError, match=r"^(last|last, first): the counter (showed|broke) .*; expected .*, got .* kWh"):
            record_exchange(books.engine, change, "wang", END)
        assert books.rows(sa.select(tables.exchange.c.meter)) == []
    else:
        record_exchange(books.engine, change, "wang", BROKE + HOUR_MS)
        lived(books, "far", samples)
        assert "exchange_pending" in {kind for kind, *_ in asked(books)}
    total = sum(used(books, "far", START, END).values())
    assert total == pytest.approx((max(samples) - START) // QUARTER * 500, abs=1000)


@pytest.mark.parametrize("silent", [0, DAY_MS, 5 * DAY_MS])
def test_right_values_are_taken_whenever_the_samples_come(books: Books, silent: int) -> None:
    """What both meters really showed is taken after any silence, before and after its samples came."""
    samples, last = exchanged(silent)
    change = Change(key("far"), BROKE, last, 0.0, "new meter")
    record_exchange(books.engine, change, "wang", END)
    lived(books, "far", samples)
    record_exchange(books.engine, change, "wang", END)
    books.settle()
    assert asked(books) == []
    assert sum(used(books, "far", START, END).values()) == (max(samples) - START) // QUARTER * 500


def test_late_weeks_place_an_exchange_as_if_they_had_been_there(books: Books) -> None:
    """Without the weeks before it a wrong value fits the class; when these come, it is nobody's and waits."""
    samples, last = exchanged(0)
    record_exchange(books.engine, Change(key("far"), BROKE, last + 100, 0.0, "new meter"), "wang", END)
    books.read("far", {when: value for when, value in samples.items() if when > BROKE - 12 * HOUR_MS})
    books.settle()
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(BROKE + QUARTER,)]
    books.read("far", samples)
    books.settle()
    assert books.rows(sa.select(tables.exchange.c.placed_at)) == [(None,)]
