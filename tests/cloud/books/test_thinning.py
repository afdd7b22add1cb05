"""What is thinned, and that nothing that was settled can tell."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.ledger import keeping
from cloud.ledger.keeping import Keep, thin
from cloud.ledger.periods import DAY_MS, HOUR_MS, floor
from cloud.platform.database import writing
from cloud.telemetry.base import Polled, Stored
from contract.clock import Clock, parse_time
from contract.reading import Quality, Reading
from tests.cloud import tables
from tests.cloud.district import GROUP
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2026-03-01T00:00:00+08:00")
MINUTE = 60_000
LATER = BEGIN + 100 * DAY_MS
"""Counters of the first days are older than 90 days then, gauges are not older than 400."""
MUCH_LATER = BEGIN + 410 * DAY_MS
GONE_OF_48 = 45 * 55
"""Of two days of a steady counter: of each hour but the first two and the last."""
SERIES = ("510802", "electricity", "power", "energy_import")
FAULTS = ("zero", "up", "down", "frozen", "flicker", "reset", "jump")
_FACTS = (tables.ledger_hour, tables.judgement, tables.touched, tables.event)


def steady(start: int, hours: int, value: float = 100.0, every: int = MINUTE) -> dict[int, float]:
    """A counter of 0.01 kWh a minute."""
    return {at: round(value + 0.01 * (at - start) / MINUTE, 2) for at in range(start, start + hours * HOUR_MS, every)}


def kept(books: Books, point: str = "energy_import") -> list[int]:
    return [reading.at for reading in books.telemetry.series(*SERIES[:3], point, 0, LATER * 2)]


def drawn(books: Books, samples: Iterable[int], watts: float) -> None:
    books.telemetry.write([Polled(*SERIES[:3], at, {"power": watts}) for at in samples])


def quarters(start: int, hours: int) -> list[int]:
    """What stays of a steady counter: the first minute of each quarter and the last of each hour."""
    return [hour + minute * MINUTE for hour in range(start, start + hours * HOUR_MS, HOUR_MS) for minute in (0, 15, 30, 45, 59)]


def settled(books: Books) -> list[Any]:
    """All that the ledger says of the meter."""
    of_meter = (
        sa.select(table).where(table.c.meter == "power").order_by(*table.primary_key) for table in (tables.ledger_hour, tables.judgement)
    )
    return [row for rows in of_meter for row in books.rows(rows)]


def rebuild(books: Books, hours: Iterable[int]) -> list[Any]:
    """Forget what was settled, count all hours anew, and tell."""
    with writing(books.engine).begin() as connection:
        for table in _FACTS:
            connection.execute(sa.delete(table))
        connection.execute(sa.insert(tables.touched), [{"grp": GROUP, "meter": "power", "hour": hour, "generation": 1} for hour in hours])
    books.settle()
    return settled(books)


def test_a_steady_counter_keeps_quarters_and_the_edges_of_its_hours(books: Books) -> None:
    """Of three days, a minute apart, five samples an hour stay, all of the first two hours and of the last."""
    samples = steady(BEGIN, 72)
    books.read("power", samples)
    books.settle()
    before = settled(books)
    done = thin(books.engine, books.telemetry, Keep(), LATER)
    whole = [at for at in samples if at < BEGIN + 2 * HOUR_MS or at >= BEGIN + 71 * HOUR_MS]
    assert kept(books) == sorted({*whole, *quarters(BEGIN, 72)})
    assert (done.counters, done.gauges, done.left) == (len(samples) - len(kept(books)), 0, False)
    assert done.counters == 69 * 55
    assert rebuild(books, range(BEGIN, BEGIN + 72 * HOUR_MS, HOUR_MS)) == before
    assert thin(books.engine, books.telemetry, Keep(), LATER) == (0, 0, 0, False)


@pytest.mark.parametrize(("age", "gone"), [(90, 0), (91, 1), (92, 2)])
def test_a_day_is_thinned_when_it_is_90_days_old(books: Books, age: int, gone: int) -> None:
    """Counted from the begin of today in Shanghai, whatever the hour; a younger day keeps every sample."""
    books.read("power", steady(BEGIN, 72))
    books.settle()
    thin(books.engine, books.telemetry, Keep(), BEGIN + age * DAY_MS + 7 * HOUR_MS)
    of_day = [sum(begin <= at < begin + DAY_MS for at in kept(books)) for begin in range(BEGIN, BEGIN + 3 * DAY_MS, DAY_MS)]
    assert [number < 1440 for number in of_day] == [day < gone for day in range(3)]


def test_nothing_goes_that_is_kept_for_ever(books: Books) -> None:
    """0 days is for ever, of counters and gauges each."""
    samples = steady(BEGIN, 48)
    books.read("power", samples)
    drawn(books, samples, 600.0)
    books.settle()
    assert thin(books.engine, books.telemetry, Keep(0, 0), MUCH_LATER) == (0, 0, 0, False)
    assert kept(books) == kept(books, "power") == list(samples)


def test_everything_stays_around_what_was_judged(books: Books) -> None:
    """An excursion of three minutes: all samples from the hour before it to the hour after it, and both its ends, stay."""
    samples = steady(BEGIN, 72)
    away = BEGIN + 36 * HOUR_MS + 30 * MINUTE
    samples |= {away + n * MINUTE: 7.0 for n in range(3)}
    books.read("power", samples)
    books.settle()
    before = settled(books)
    assert books.rows(sa.select(tables.judgement.c.kind)) == [("excursion",)]
    thin(books.engine, books.telemetry, Keep(), LATER)
    around = range(BEGIN + 35 * HOUR_MS, BEGIN + 38 * HOUR_MS, MINUTE)
    assert set(around) <= set(kept(books))
    assert len(kept(books)) < len(samples) / 4
    assert rebuild(books, range(BEGIN, BEGIN + 72 * HOUR_MS, HOUR_MS)) == before


def test_the_highest_sample_of_an_hour_stays(books: Books) -> None:
    """A last digit that was a step higher for one minute is the level from then on, though the samples that follow show less."""
    higher = BEGIN + 30 * HOUR_MS + 52 * MINUTE
    end = BEGIN + 48 * HOUR_MS
    samples = steady(BEGIN, 31) | dict.fromkeys(range(higher + MINUTE, end, MINUTE), 118.51)
    assert samples[higher] == 118.52
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.id == "power").values(resolution=0.01))
    books.read("power", samples)
    books.settle()
    before = settled(books)
    assert {row[-1] for row in before if row[2] > higher} == {118_520}
    thin(books.engine, books.telemetry, Keep(), LATER)
    assert [(at - higher) // MINUTE for at in kept(books) if higher - 52 * MINUTE <= at < higher + 8 * MINUTE] == [-52, -37, -22, -7, 0, 7]
    assert rebuild(books, range(BEGIN, end, HOUR_MS)) == before


def test_the_samples_after_a_rest_stay(books: Books) -> None:
    """Two steep rises after a rest are a busy morning; with quarters of an hour alone they would be a frozen counter that caught up."""
    samples = steady(BEGIN, 240, every=5 * MINUTE)
    rest = BEGIN + 121 * HOUR_MS
    top = samples[rest]
    busy = rest + 3 * HOUR_MS
    shown = dict.fromkeys(range(rest, busy + 5 * MINUTE, 5 * MINUTE), top) | {busy + 5 * MINUTE: top + 0.5}
    shown |= dict.fromkeys(range(busy + 10 * MINUTE, busy + HOUR_MS, 5 * MINUTE), top + 1.0)
    lost = samples[busy + HOUR_MS] - (top + 1.0)
    samples = {at: round(shown.get(at, value if at < rest else value - lost), 2) for at, value in samples.items()}
    books.read("power", samples)
    books.settle()
    before = settled(books)
    assert books.rows(sa.select(tables.judgement)) == []
    thin(books.engine, books.telemetry, Keep(), LATER + 20 * DAY_MS)
    assert rebuild(books, range(BEGIN, BEGIN + 240 * HOUR_MS, HOUR_MS)) == before
    assert set(range(busy, busy + 30 * MINUTE, 5 * MINUTE)) <= set(kept(books))
    assert len(kept(books)) < len(samples) / 2


def test_a_day_waits_for_hours_that_are_to_be_counted(books: Books) -> None:
    """While an hour of the meter waits, nothing of its device goes; then all at once."""
    samples = steady(BEGIN, 48)
    books.read("power", samples)
    assert thin(books.engine, books.telemetry, Keep(), LATER).days == 0
    assert kept(books) == list(samples)
    books.settle()
    assert thin(books.engine, books.telemetry, Keep(), LATER).counters == GONE_OF_48


def test_a_pass_is_bounded_and_the_next_goes_on(books: Books) -> None:
    """Two days a pass: the first two of five days are thinned, and the pass says that days are left."""
    books.read("power", steady(BEGIN, 120))
    books.settle()
    first = thin(books.engine, books.telemetry, Keep(), LATER, limit=2)
    assert (first.days, first.left) == (2, True)
    assert sum(at >= BEGIN + 2 * DAY_MS for at in kept(books)) == 3 * 1440
    passes = [thin(books.engine, books.telemetry, Keep(), LATER, limit=2) for _ in range(5)]
    assert first.counters + sum(one.counters for one in passes) == 117 * 55
    assert not passes[-1].left


def test_what_is_young_costs_a_query_a_device_and_kind(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in which nothing is old is asked nothing more, and days without readings are not looked at: between two days lie 60."""
    books.read("power", steady(BEGIN, 24))
    books.read("power", steady(BEGIN + 60 * DAY_MS, 24, 1000.0))
    books.settle()
    asked = Counter[str]()
    for name in ("oldest", "latest", "counter_samples", "series"):
        original = getattr(books.telemetry, name)
        monkeypatch.setattr(books.telemetry, name, lambda *key, name=name, original=original: (asked.update([name]), original(*key))[1])
    devices = len(books.rows(sa.select(tables.device.c.id)))
    assert thin(books.engine, books.telemetry, Keep(), BEGIN + 90 * DAY_MS).days == 0
    assert asked == {"oldest": 2 * devices}
    assert thin(books.engine, books.telemetry, Keep(), LATER + 60 * DAY_MS).days == 2


def test_nothing_goes_of_the_devices_of_a_meter_that_cannot_be_counted(books: Books) -> None:
    """Neither of the one it counts by nor of the one before: what must stay is known once its settings are right."""
    for meter in ("power", "lights"):
        books.read(meter, steady(BEGIN, 72))
    books.settle()
    before = {
        "grp": "510802",
        "meter": "power",
        "until": BEGIN - 30 * DAY_MS,
        "class": "electricity",
        "device": "lights",
        "point": "energy_import",
    }
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.id == "power").values(modulus=1e30))
        connection.execute(sa.insert(tables.earlier_counter), [before | {"float32": False}])
    assert thin(books.engine, books.telemetry, Keep(), LATER).counters == 0
    with writing(books.engine).begin() as connection:
        connection.execute(sa.update(tables.meter).where(tables.meter.c.id == "power").values(modulus=None))
    assert thin(books.engine, books.telemetry, Keep(), LATER).counters > 0


def test_what_a_clock_explains_stays(books: Books) -> None:
    """Readings of a span that an offset covers, and those at the time that they truly were, are not touched."""
    samples = steady(BEGIN, 120)
    books.read("power", samples)
    books.settle()
    start, end = BEGIN + 50 * HOUR_MS, BEGIN + 54 * HOUR_MS
    row = {"grp": "510802", "source": "power", "valid_from": start, "valid_to": end, "by": "somebody", "whole": True, "good": "{}"}
    row |= {"offset_from_ms": 10 * HOUR_MS, "offset_to_ms": 10 * HOUR_MS, "state": "closed", "why": "", "recorded_at": 0}
    with writing(books.engine).begin() as connection:
        connection.execute(sa.insert(tables.clock_offset), [row])
    before = rebuild(books, range(BEGIN, BEGIN + 120 * HOUR_MS, HOUR_MS))
    thin(books.engine, books.telemetry, Keep(), LATER)
    assert set(range(start - 10 * HOUR_MS, end + MINUTE, MINUTE)) <= set(kept(books))
    assert len(kept(books)) < len(samples) / 3
    assert rebuild(books, range(BEGIN, BEGIN + 120 * HOUR_MS, HOUR_MS)) == before


def test_a_doubtful_reading_beside_a_good_one_stays(books: Books) -> None:
    """Nobody knows yet where it belongs: of its time neither goes, nor what was never good."""
    samples = steady(BEGIN, 48)
    twin, alone = BEGIN + 20 * HOUR_MS + 7 * MINUTE, BEGIN + 20 * HOUR_MS + 8 * MINUTE + 1
    books.read("power", samples)
    books.settle()
    readings = [Reading("power", SERIES[3], 99.0, at, Quality.SUSPECT) for at in (twin, alone)]
    books.telemetry.write([Stored(*SERIES[:2], reading) for reading in readings])
    assert thin(books.engine, books.telemetry, Keep(), LATER).counters == GONE_OF_48 - 1
    assert {twin, alone} <= set(kept(books))
    assert books.telemetry.doubtful_samples(*SERIES, BEGIN, LATER) == [(twin, 99.0), (alone, 99.0)]


def test_gauges_go_after_400_days_but_where_a_counter_stood(books: Books) -> None:
    """Power goes while the counter rose; for the hours of a rest, and one to each side, it stays, since it says that nothing was drawn."""
    samples = steady(BEGIN, 20)
    rest = BEGIN + 20 * HOUR_MS
    top = samples[max(samples)]
    samples |= dict.fromkeys(range(rest, rest + 5 * HOUR_MS, MINUTE), top) | steady(rest + 5 * HOUR_MS, 23, top)
    books.read("power", samples)
    drawn(books, samples, 0.0)
    books.settle()
    before = settled(books)
    thin(books.engine, books.telemetry, Keep(), LATER)
    assert kept(books, "power") == list(samples)
    done = thin(books.engine, books.telemetry, Keep(), MUCH_LATER)
    ends = {hour * HOUR_MS + BEGIN for hour in (0, 47)}
    stayed = {*ends, *range(rest - HOUR_MS, rest + 6 * HOUR_MS, HOUR_MS)}
    assert {at // HOUR_MS * HOUR_MS for at in kept(books, "power")} == stayed
    assert done.gauges == len(samples) - 60 * len(stayed)
    assert rebuild(books, range(BEGIN, BEGIN + 48 * HOUR_MS, HOUR_MS)) == before


@pytest.mark.parametrize(("age", "ahead", "gone"), [(100, 0, GONE_OF_48), (10, 90, 0), (100, -90, 0)])
async def test_the_worker_thins_once_a_day_by_the_clock(books: Books, age: int, ahead: int, gone: int) -> None:
    """It begins when the ledger has settled, and says in one line what went; a trial's clock ahead of the machine's makes nothing old."""
    begin = floor(Clock().now_ms(), "day") - age * DAY_MS
    books.read("power", steady(begin, 48))
    ready = False
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def caught_up() -> bool:
        loop.call_soon_threadsafe(asked.set)
        return ready

    with structlog.testing.capture_logs() as lines, pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "SOON", 0.01)
        async with beside(keeping.run(books.engine, books.telemetry, Clock(ahead * DAY_MS), Keep(), caught_up)):
            async with asyncio.timeout(20):
                await asked.wait()
            assert lines == []
            books.settle()
            ready = True
            await until(lambda: lines)
    assert [(line["event"], line["counters"], line["gauges"], line["left"]) for line in lines] == [("readings thinned", gone, 0, False)]


def history(rng: random.Random) -> dict[int, float]:
    """A counter with rests, bursts, gaps and the faults of the field, from a minute to a quarter of an hour apart."""
    at, value, rate = BEGIN + rng.randrange(HOUR_MS), rng.choice([5.0, 999_990.0, 13_423.7]), rng.choice([0.05, 3, 20])
    every, rest, busy, left = rng.choice([1, 1, 2, 5, 15]) * MINUTE, rng.choice([0, 0.3, 0.9]), 1.0, 0
    found: list[tuple[int, float]] = []
    for _ in range(rng.randint(150, 900)):
        at += every + rng.randrange(20_000) + (rng.randint(1, 80) * HOUR_MS if rng.random() < 0.003 else 0)
        busy, left = (rng.choice([0, 1, 4]), rng.randint(20, 400)) if left <= 0 and rng.random() < 0.02 else (busy, left - 1)
        value += 0 if rng.random() < rest else rng.random() * rate * busy * every / HOUR_MS
        found.append((at, round(value % 1e6, 2)))
    for _ in range(rng.randint(0, 4)):
        first, length, fault = rng.randrange(len(found)), rng.choice([1, 1, 2, 3, 20, 200]), rng.choice(FAULTS)
        end = len(found) if fault in {"reset", "jump"} else first + length
        base = found[first][1]
        found[first:end] = [(at, faulty(fault, value, base, rng)) for at, value in found[first:end]]
    return dict(found)


def faulty(fault: str, value: float, base: float, rng: random.Random) -> float:
    """What a counter shows instead of a value, from one where it showed `base`."""
    flicker = 0.01 if rng.random() < 0.3 else 0.0
    shown = {"zero": 0.0, "up": value + 655.36, "down": value - 3, "frozen": base, "flicker": value - flicker}
    return max(round((shown | {"reset": value - base + 0.5, "jump": value + 500})[fault], 2), 0.0)


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.sampled_from([None, 0.0, 800.0]))
def test_counting_anew_after_thinning_says_the_same(books: Books, rng: random.Random, watts: float | None) -> None:
    """Whatever the counter did: the same hours and the same judgements, after counters were thinned and after gauges went."""
    with books.telemetry._lock:
        for store in books.telemetry._all:
            store.execute("DELETE FROM reading")
    with writing(books.engine).begin() as connection:
        for table in (tables.thinned, tables.learnt):
            connection.execute(sa.delete(table))
    samples = history(rng)
    hours = sorted({at // HOUR_MS * HOUR_MS for at in samples})
    books.read("power", samples)
    if watts is not None:
        drawn(books, samples, watts)
    before = rebuild(books, hours)
    for days in (120, 420):
        thin(books.engine, books.telemetry, Keep(), max(samples) + days * DAY_MS, 10_000)
        assert rebuild(books, hours) == before


def test_refused_readings_go_with_the_gauges(books: Books) -> None:
    """400 days after they came, whenever they say that they were measured; never where gauges are kept for ever."""
    row = {"grp": "510802", "class": "electricity", "device": "power", "value": 1.0, "quality": 0, "reason": "x"}
    came = {"old": MUCH_LATER - 401 * DAY_MS, "young": MUCH_LATER - 399 * DAY_MS}
    with writing(books.engine).begin() as connection:
        rows = [row | {"point": name, "at": 1, "received_at": at} for name, at in came.items()]
        connection.execute(sa.insert(tables.rejected_reading), rows)

    def kept_points() -> set[str]:
        with books.engine.connect() as connection:
            return set(connection.execute(sa.select(tables.rejected_reading.c.point)).scalars())

    thin(books.engine, books.telemetry, Keep(gauges=0), MUCH_LATER)
    assert kept_points() == {"old", "young"}
    thin(books.engine, books.telemetry, Keep(), MUCH_LATER)
    assert kept_points() == {"young"}
