"""Laws that hold whatever the counters did."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cloud.indicators import denominators, figures
from cloud.indicators.denominators import Dated
from cloud.indicators.scopes import Registry, Scope
from cloud.indicators.spans import CountedMeter, Span
from cloud.ledger import book
from cloud.ledger.counters import Provenance, shares
from cloud.ledger.periods import DAY_MS, HOUR_MS, Every, midnight, month_start
from cloud.platform.database import writing
from cloud.telemetry.base import Stored
from contract.clock import parse_time
from contract.reading import Quality, Reading
from tests.cloud import tables
from tests.cloud.district import GROUP, key

if TYPE_CHECKING:
    from tests.cloud.books.conftest import Books

BEGIN = parse_time("2025-12-28T10:00:00+08:00")
EVERY: tuple[Every, ...] = get_args(Every)
ON_DISK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def histories(draw: st.DrawFn) -> dict[int, float]:
    """Samples over New Year with gaps, resets, turns and disturbed readings, in thousandths of a kWh."""
    at, value, found = BEGIN, 999_000_000, {}
    steps = st.tuples(st.integers(1, 30 * HOUR_MS), st.one_of(st.integers(0, 90_000), st.integers(-(10**9), 10**6)))
    for forward, more in draw(st.lists(steps, min_size=2, max_size=25)):
        found[at] = value / 1000
        at, value = at + forward, (value + more) % 10**9 if more >= 0 else max(value + more, 0)
    return found


def clear(books: Books) -> None:
    """Back to a site without a reading: examples share their files."""
    books.empty()
    with books.telemetry._lock:
        for store in books.telemetry._all:
            store.execute("DELETE FROM reading")


def units(books: Books, start: int, end: int, every: Every) -> int:
    """What a meter used, Wh; a figure is the ledger's whole number over a thousand."""
    return sum(round(period["value"] * 1000) for period in book.consumption(books.engine, key("power"), start, end, every))


@ON_DISK
@given(histories(), st.data())
def test_parts_sum_to_the_whole_exactly_however_time_is_cut(books: Books, samples: dict[int, float], data: st.DataObject) -> None:
    """Hours, days, months, quarters and years of any span give one sum, and two neighbouring spans that of both."""
    clear(books)
    books.read("power", samples)
    books.settle()
    start, middle, end = sorted(BEGIN - BEGIN % HOUR_MS + HOUR_MS * data.draw(st.integers(-5, 800)) for _ in range(3))
    whole = {every: units(books, start, end, every) for every in EVERY}
    within = sum(amount for hour, _, amount in books.parts("power") if start <= hour < end)
    assert set(whole.values()) == {within}
    assert all(units(books, start, middle, every) + units(books, middle, end, every) == within for every in EVERY)
    spread = [p for every in EVERY for p in book.consumption(books.engine, key("power"), start, end, every)]
    assert all(sum(p["provenance"].values()) == pytest.approx(1.0 if p["value"] else 0.0, abs=1e-12) for p in spread)


@st.composite
def faulty(draw: st.DrawFn) -> dict[int, float]:
    """Days of a counter with gaps and with what counters do: zeros, torn words, low values, resets, jumps and freezes."""
    every, rate = draw(st.sampled_from([5, 15, 30, 60])) * MINUTE, draw(st.sampled_from([0.5, 3.0, 20.0]))
    at, value, samples = SPRING + draw(st.integers(0, HOUR_MS)), draw(st.sampled_from([5.0, 1000.0, 13423.7])), []
    gaps = draw(st.dictionaries(st.integers(0, 150), st.integers(1, 80), max_size=4))
    for number, used in enumerate(draw(st.lists(st.floats(0.0, 1.0), min_size=30, max_size=150))):
        samples.append((at, round(value, 2)))
        at, value = at + every + gaps.get(number, 0) * HOUR_MS, value + used * rate * every / HOUR_MS
    faults = st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(0, len(samples) - 1), st.sampled_from([1, 2, 3, 5, 20]))
    for kind, first, length in draw(st.lists(faults, max_size=4)):
        begin, last = samples[first][1], len(samples) if kind in LASTING else first + length
        wrong = [(when, max(0.0, round(FAULTS[kind](shown, begin), 2))) for when, shown in samples[first:last]]
        samples[first:last] = wrong
    return dict(samples)


MINUTE, SPRING = 60_000, parse_time("2026-03-05T12:00:00+08:00")
"""So early in a month that a history of weeks teaches nothing: what was learnt holds from when it was."""
FAULTS: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {
        "zero": lambda _shown, _begin: 0.0,
        "torn": lambda shown, _begin: shown + 655.36,
        "low": lambda shown, _begin: shown - 3,
        "flicker": lambda shown, _begin: shown - 0.01,
        "frozen": lambda _shown, begin: begin,
        "reset": lambda shown, begin: shown - begin + 0.5,
        "jump": lambda shown, _begin: shown + 500,
        "wild": lambda shown, _begin: shown * 7919.7 % 50_000,
    }
)
"""What a counter shows instead, by what it should show and what it should have shown first."""
LASTING = frozenset({"reset", "jump", "wild"})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # the values decide, not the database; and to shrink takes minutes
@settings(ON_DISK, max_examples=25, phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False)
@given(faulty(), st.sampled_from(["in order", "some late", "any"]), st.randoms(use_true_random=False))
def test_what_came_in_any_order_is_what_is_counted_anew(books: Books, samples: dict[int, float], order: str, chance: Random) -> None:
    """Settled as it came, in whatever order and batches, a ledger is that of all readings at once: hours, levels, judgements, events."""
    clear(books)
    coming = list(samples)
    if order == "any":
        chance.shuffle(coming)
    elif order == "some late":
        late = {at for at in coming if chance.random() < 0.2}
        coming = [at for at in coming if at not in late] + sorted(late)
    while coming:
        number = chance.choice([1, 4, 10, 40])
        books.read("far", {at: samples[at] for at in coming[:number]})
        del coming[:number]
        while book.settle(books.engine, books.telemetry, chance.choice([3, 100_000])):
            pass
    live = books.whole("far")
    assert books.built_anew("far", samples) == live


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("minutes", "block", "low"), [(5, 7, 3.0), (15, 7, 3.0), (15, 37, 50.0), (60, 3, -50.0)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_counter_that_flickers_for_days_is_told_as_it_came(books: Books, minutes: int, block: int, low: float, seed: int) -> None:
    """A pass never begins inside of what is told as one: events of a flickering counter are those of all readings at once."""
    samples, value, chance = {}, 1000.0, Random(seed)  # noqa: S311 (the same story at each run)
    for number in range(600):
        value += chance.random() * 0.03 * minutes
        away = low if 100 <= number < 500 and chance.random() < 0.5 else 0.0
        samples[SPRING + number * minutes * MINUTE] = round(value - away, 2)
    coming = list(samples.items())
    while coming:
        books.read("gas", dict(coming[:block]))
        books.settle()
        del coming[:block]
    live = books.whole("gas")
    assert any(one[3] == "excursion" for one in live[1])
    assert books.built_anew("gas", samples) == live


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["jump", "reset"])
def test_the_last_hours_of_the_weeks_around_count_as_they_come(books: Books, kind: str) -> None:
    """What rests on the usual use of three weeks is judged again when these end within a day: live and counted anew are one."""
    start, broke, back = SPRING, SPRING + 10 * DAY_MS, SPRING + 10 * DAY_MS + 30 * HOUR_MS
    samples, value = {}, 1000.0
    for at in range(start, start + 34 * DAY_MS, 30 * MINUTE):
        rate = 1.0 + (at // HOUR_MS % 24) / 10 + (at // HOUR_MS % 7) / 50
        value = (value + 5000 if kind == "jump" else 0.0) if at == broke else value + rate / 2
        samples[at] = round(value, 2)
    if kind == "reset":
        samples = {at: shown for at, shown in samples.items() if not broke - HOUR_MS < at < back}
    coming = list(samples.items())
    while coming:
        number = 2 if coming[0][0] > start + 31 * DAY_MS else 48
        books.read("far", dict(coming[:number]))
        books.settle()
        del coming[:number]
    live = books.whole("far")
    assert [kind] == [one[3] for one in live[1] if one[3] == kind]
    assert books.built_anew("far", samples) == live


def test_a_doubtful_reading_is_not_in_the_ledger(books: Books) -> None:
    """Suspect and bad counter readings between good ones change nothing, whatever they say."""
    good = {BEGIN: 100.0, BEGIN + 2 * HOUR_MS: 110.0}
    books.read("power", good)
    doubtful = [(Quality.SUSPECT, 5.0, HOUR_MS), (Quality.SUSPECT, 9e6, HOUR_MS + 1), (Quality.BAD, 105.0, HOUR_MS + 2)]
    readings = [Reading("power", "energy_import", value, BEGIN + after, quality, "x") for quality, value, after in doubtful]
    assert books.telemetry.write([Stored("510802", "electricity", reading) for reading in readings]) == []
    books.settle()
    assert [(provenance, amount) for _, provenance, amount in books.parts("power")] == [("distributed", 5000)] * 2
    assert books.rows(sa.select(tables.event.c.kind)) == []


AREAS = st.lists(st.decimals(0, 10**6, places=4), min_size=1, max_size=12)


@given(AREAS, st.dictionaries(st.sampled_from(Provenance), st.integers(0, 2**60), min_size=1), st.integers(1, 400))
def test_the_parts_of_all_units_are_the_meter(areas: list[Decimal], amounts: dict[Provenance, int], days: int) -> None:
    """Whatever the areas, the units that share a meter have exactly all of it, of each provenance; some together what each has."""
    start = date(2026, 1, 1)
    names = [f"u{n:02}" for n in range(len(areas))]
    series: dict[tuple[str, str], Sequence[Dated]] = {(n, "area"): [Dated(date(2020, 1, 1), a)] for n, a in zip(names, areas, strict=True)}
    registry = Registry(GROUP, dict.fromkeys(names, "c"), [], {"m": names}, series)
    span = Span(midnight(start), midnight(start + timedelta(days=days)))
    parts = [Scope(registry, [CountedMeter("m", "water")], [name], [name]).share("m", amounts, span) for name in names]
    whole = {provenance: sum((part or {}).get(provenance, 0) for part in parts) for provenance in amounts}
    assert whole == amounts
    assert all(amount >= 0 for part in parts for amount in (part or {}).values())
    for number in range(1, len(names) + 1):
        together = Scope(registry, [CountedMeter("m", "water")], names[:number], names[:number]).share("m", amounts, span)
        assert together == {provenance: sum((part or {})[provenance] for part in parts[:number]) for provenance in amounts}


@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 10**5)), min_size=1, max_size=8), st.integers(1, 360), st.integers(1, 360))
def test_a_mean_of_two_spans_is_weighted_by_their_days(rows: list[tuple[int, int]], first: int, second: int) -> None:
    """A dated series' mean over a span is that of its parts by days, and a later row changes nothing before it."""
    begin = date(2025, 1, 1)
    series = [Dated(date(2020, 1, 1), Decimal(7)), *(Dated(begin + timedelta(days=d), Decimal(v)) for d, v in dict(rows).items())]
    middle, end = begin + timedelta(days=first), begin + timedelta(days=first + second)
    parts = [denominators.mean(series, begin, middle), denominators.mean(series, middle, end)]
    whole = denominators.mean(series, begin, end)
    assert None not in (*parts, whole)
    weighted = sum((part or Decimal(0)) * days for part, days in zip(parts, (first, second), strict=True))
    assert float(whole or 0) == pytest.approx(float(weighted / (first + second)), rel=1e-12)
    assert denominators.mean([*series, Dated(end + timedelta(days=800), Decimal(10**9))], begin, end) == whole


@given(st.dictionaries(st.sampled_from(Provenance), st.integers(0, 2**62)))
def test_shares_sum_to_one(amounts: dict[Provenance, int]) -> None:
    """All four shares are there, from 0 to 1, and sum to 1 unless nothing was used."""
    found = shares(amounts)
    assert list(found) == ["measured", "distributed", "estimated", "manual"]
    assert all(0 <= share <= 1 for share in found.values())
    assert sum(found.values()) == pytest.approx(1.0 if any(amounts.values()) else 0.0, abs=1e-12)


def test_a_new_factor_is_on_both_sides_and_never_looks_like_saving(books: Books) -> None:
    """The factor of the target's year stands on both sides; the year before keeps its own; a row from mid-year waits."""
    now = parse_time("2026-05-20T13:00:00+08:00")
    books.read("far", {at: 1000.0 + (at - month_start(2024, 1)) / HOUR_MS for at in range(month_start(2024, 1), now, 12 * HOUR_MS)})
    books.settle()
    before = [figures.targets_of(books.engine, GROUP, year, "compound:c2", now).indicators[1] for year in (2025, 2026)]
    rows: list[tuple[str, str | None, str]] = [("2026-01-01", "2026-03-01", "0.31"), ("2026-03-01", None, "0.9")]
    new = {"set": "national", "energy": "electricity", "unit": "kWh", "source": "test"}
    with writing(books.engine).begin() as connection:
        electricity = tables.factor.c.energy == "electricity"
        connection.execute(sa.update(tables.factor).where(electricity).values(valid_to="2026-01-01"))
        added: list[dict[str, Any]] = [new | {"valid_from": begin, "valid_to": end, "kgce_per_unit": value} for begin, end, value in rows]
        connection.execute(sa.insert(tables.factor), added)
    last, this = (figures.targets_of(books.engine, GROUP, year, "compound:c2", now).indicators[1] for year in (2025, 2026))
    assert last == before[0]
    assert this.change == pytest.approx(before[1].change, abs=1e-12)
    for side in ("actual", "baseline", "baseline_year"):
        old, found = getattr(before[1], side).value, getattr(this, side).value
        assert found == pytest.approx(old * 0.31 / 0.1229, rel=1e-12)


def test_the_leap_day_is_on_one_side(books: Books) -> None:
    """To the end of February 2024 has 60 days against 59, to the end of 28 February 59 against 59."""
    start, end = month_start(2023, 1), month_start(2024, 3) + 2 * DAY_MS
    books.read("far", {at: 1000.0 + (at - start) / HOUR_MS for at in range(start, end, 12 * HOUR_MS)})
    books.settle()
    for now, days, earlier in (("2024-02-29", 59, 59), ("2024-03-01", 60, 59), ("2024-03-02", 61, 60)):
        found = figures.targets_of(books.engine, GROUP, 2024, "compound:c2", parse_time(f"{now}T00:00:30+08:00")).indicators[1]
        kwh = [days * 24, earlier * 24]
        assert [found.actual.value, found.baseline.value] == pytest.approx([n * 0.1229 / 2000 for n in kwh], rel=1e-12)
        assert json.loads(found.model_dump_json())["change"] == pytest.approx(days / earlier - 1, rel=1e-9)
