import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger import counters, periods
from cloud.ledger.counters import DEFAULT_RULES, Exchange, HourPart, Kind, Profile, Provenance, Rules, Sample
from cloud.ledger.periods import HOUR_MS
from contract.clock import parse_time

MINUTE = 60_000
T0 = parse_time("2026-03-02T00:00:00+08:00")  # a Monday
M, D, E = Provenance.MEASURED, Provenance.DISTRIBUTED, Provenance.ESTIMATED
OFFICE = Profile(0, tuple(10 if day < 5 and 8 <= hour < 18 else 1 for day in range(7) for hour in range(24)))


def all_of(samples: list[Sample], rules: Rules = DEFAULT_RULES) -> counters.Hours:
    first, last = periods.floor(samples[0][0], "hour"), periods.floor(samples[-1][0] - 1, "hour")
    return counters.hours(samples, first, last, rules)


@st.composite
def histories(draw: st.DrawFn, *, monotone: bool) -> list[Sample]:
    step = st.one_of(st.integers(1, HOUR_MS), st.integers(1, 60 * HOUR_MS), st.just(HOUR_MS))
    rise = st.integers(0, 10**7) if monotone else st.integers(-(10**6), 10**6)
    at, value, samples = T0 + draw(st.integers(0, HOUR_MS)), draw(st.integers(0, 10**6)), []
    for forward, more in draw(st.lists(st.tuples(step, rise), min_size=2, max_size=25)):
        samples.append((at, max(value, 0)))
        at, value = at + forward, max(value, 0) + more
    return samples


RULES = st.builds(
    Rules,
    measured_gap=st.sampled_from([15 * MINUTE, HOUR_MS, 2 * HOUR_MS]),
    modulus=st.sampled_from([None, 10**6, 10**9]),
    max_rate=st.sampled_from([None, 10**4, 10**6]),
    profiles=st.sampled_from([(), (OFFICE,), (Profile(0, (0,) * 168), Profile(T0 + 30 * HOUR_MS, OFFICE.weights))]),
    exchanges=st.sampled_from([(), (Exchange(T0 + 90 * MINUTE, 10**6, 5), Exchange(T0 + 100 * MINUTE, 10, 0))]),
)


@given(histories(monotone=True), RULES)
def test_a_monotone_counter_uses_last_minus_first(samples: list[Sample], rules: Rules) -> None:
    """Whatever the gaps and rules, the hours of a counter that only rises sum to its whole rise."""
    rules = Rules(rules.measured_gap, rules.modulus, rules.max_rate, rules.profiles)
    assert sum(part.amount for part in all_of(samples, rules).parts) == samples[-1][1] - samples[0][1]


@given(histories(monotone=False), RULES, st.data())
def test_a_part_of_a_range_computed_again_is_the_same(samples: list[Sample], rules: Rules, data: st.DataObject) -> None:
    """Any sub-range gives the numbers of the whole, from all samples and from only those around it."""
    whole = all_of(samples, rules)
    grid = list(range(periods.floor(samples[0][0], "hour"), samples[-1][0], HOUR_MS))
    first, last = sorted((data.draw(st.sampled_from(grid)), data.draw(st.sampled_from(grid))))
    expected = [part for part in whole.parts if first <= part.hour <= last]
    assert counters.hours(samples, first, last, rules).parts == expected
    low = max((s[0] for s in samples if s[0] <= first), default=samples[0][0])
    high = min((s[0] for s in samples if s[0] >= last + HOUR_MS), default=samples[-1][0])
    assert counters.hours([s for s in samples if low <= s[0] <= high], first, last, rules).parts == expected


@given(histories(monotone=False), RULES)
def test_no_hour_is_negative(samples: list[Sample], rules: Rules) -> None:
    """Consumption is never below 0 for a counter that is never below 0, whatever it does, unless an exchange says so."""
    rules = Rules(rules.measured_gap, rules.modulus, rules.max_rate, rules.profiles)
    assert all(part.amount >= 0 for part in all_of(samples, rules).parts)


def test_hourly_samples_on_the_hour_are_measured() -> None:
    """A counter read each full hour gives one measured part an hour, a difference of 0 included."""
    found = all_of([(T0, 100), (T0 + HOUR_MS, 130), (T0 + 2 * HOUR_MS, 130)])
    assert found == ([HourPart(T0, 30, M), HourPart(T0 + HOUR_MS, 0, M)], [])


def test_an_interval_over_the_hour_is_split_by_time() -> None:
    """From 00:50 to 01:20 a third falls before the hour, the odd unit to the larger remainder."""
    found = all_of([(T0 + 50 * MINUTE, 0), (T0 + 80 * MINUTE, 100)])
    assert found.parts == [HourPart(T0, 33, M), HourPart(T0 + HOUR_MS, 67, M)]


def test_a_gap_is_spread_by_the_profile() -> None:
    """A gap from 06:00 to 10:00 on a Monday follows the office's weights, also in the hour it ends in."""
    start = T0 + 6 * HOUR_MS
    samples = [(start, 0), (start + 3 * HOUR_MS + 30 * MINUTE, 1700)]
    by_profile = all_of(samples, Rules(profiles=(OFFICE,)))
    assert by_profile.parts == [HourPart(start + i * HOUR_MS, amount, D) for i, amount in enumerate([100, 100, 1000, 500])]
    assert [part.amount for part in all_of(samples).parts] == [486, 486, 485, 243]


def test_a_gap_uses_the_profile_of_its_begin() -> None:
    """A profile that comes into force inside or after a gap changes nothing about that gap."""
    later = Profile(T0 + HOUR_MS, (0,) * 167 + (1,))
    samples = [(T0, 0), (T0 + 3 * HOUR_MS, 30)]
    assert all_of(samples, Rules(profiles=(OFFICE, later))) == all_of(samples, Rules(profiles=(OFFICE,)))


def test_an_hour_can_have_two_provenances() -> None:
    """Where a gap ends inside an hour, the rest of the hour stays measured, in a part of its own."""
    found = all_of([(T0, 0), (T0 + 90 * MINUTE, 90), (T0 + 2 * HOUR_MS, 100)])
    assert found.parts == [HourPart(T0, 60, D), HourPart(T0 + HOUR_MS, 10, M), HourPart(T0 + HOUR_MS, 30, D)]


@pytest.mark.parametrize(
    ("before", "after", "hours", "rules", "said"),
    [
        (999_990, 20, 1, Rules(modulus=10**6, max_rate=100), (30, M, Kind.ROLLOVER)),
        (999_990, 20, 5, Rules(modulus=10**6, max_rate=100), (30, E, Kind.ROLLOVER)),
        (999_990, 20, 1, Rules(modulus=10**6), (30, E, Kind.ROLLOVER)),
        (999_990, 20, 1, Rules(modulus=10**6, max_rate=10**6), (30, M, Kind.ROLLOVER)),
        (999_990, 20, 1, Rules(modulus=10**6, max_rate=2 * 10**6), (30, E, Kind.ROLLOVER)),
        (500_000, 20, 1, Rules(modulus=10**6, max_rate=100), (20, E, Kind.RESET)),
        (500_000, 20, 1, Rules(modulus=10**6), (20, E, Kind.RESET)),
        (500_000, 20, 1, Rules(), (20, E, Kind.RESET)),
        (500_000, 499_999, 1, Rules(), (0, E, Kind.BACKWARDS)),
        (500_000, 101, 1, Rules(max_rate=100), (0, E, Kind.BACKWARDS)),
        (500_000, 500_101, 1, Rules(max_rate=100), (101, E, Kind.JUMP)),
        (500_000, 500_100, 1, Rules(max_rate=100), (100, M, None)),
        (500_000, 500_100, 5, Rules(max_rate=100), (100, D, None)),
        (200, 300, 5, Rules(max_rate=100), (100, E, None)),
        (0, 300, 5, Rules(max_rate=100), (300, D, None)),
        (500_000, 500_100, 5, Rules(modulus=10**6, max_rate=400_000), (100, E, None)),
        (500_000, 500_100, 5, Rules(modulus=10**6), (100, D, None)),
    ],
)
def test_what_a_counter_did(before: int, after: int, hours: int, rules: Rules, said: tuple[int, Provenance, Kind | None]) -> None:
    """Rollover, reset, disturbed readings and doubt inside a gap are told apart and recorded."""
    amount, provenance, kind = said
    at = T0 + hours * HOUR_MS
    found = all_of([(T0, before), (at, after)], rules)
    assert sum(part.amount for part in found.parts) == amount
    assert {part.provenance for part in found.parts} == {provenance}
    assert found.events == ([counters.Event(kind, T0, at, before, after, amount)] if kind else [])


def test_a_disturbed_reading_does_not_count_the_meters_life() -> None:
    """One reading a little too low costs its own step, not the whole counter again."""
    found = all_of([(T0, 900_000), (T0 + HOUR_MS, 899_990), (T0 + 2 * HOUR_MS, 900_010)])
    assert [part.amount for part in found.parts] == [0, 20]
    assert [event.kind for event in found.events] == [Kind.BACKWARDS]


def test_an_exchanged_meter_counts_both_its_meters() -> None:
    """The old meter's rest and the new meter's begin make up the interval, without an event of its own."""
    rules = Rules(exchanges=(Exchange(T0 + 30 * MINUTE, 1_040, 7),))
    found = all_of([(T0, 1_000), (T0 + HOUR_MS, 30), (T0 + 2 * HOUR_MS, 50)], rules)
    assert found == ([HourPart(T0, 63, M), HourPart(T0 + HOUR_MS, 20, M)], [])


@pytest.mark.parametrize("second", [T0, T0 - 1])
def test_samples_out_of_order_are_refused(second: int) -> None:
    """Times must ascend strictly, since an interval of no length means nothing."""
    with pytest.raises(ValueError, match="ascending"):
        counters.hours([(T0, 1), (second, 2)], T0, T0)


def test_fewer_than_two_samples_say_nothing() -> None:
    """One reading of a counter is no consumption."""
    assert counters.hours([], T0, T0) == ([], [])
    assert counters.hours([(T0, 5)], T0, T0) == ([], [])


def test_two_years_of_hours_are_quick() -> None:
    """16 000 hourly samples of one meter, with everything known about it, take well under 0.2 s."""
    samples = [(T0 + index * HOUR_MS + 1_000, index * 1_234) for index in range(16_000)]
    started = time.process_time()
    found = all_of(samples, Rules(modulus=10**9, max_rate=10**5, profiles=(OFFICE,)))
    assert time.process_time() - started < 0.2
    assert sum(part.amount for part in found.parts) == 15_999 * 1_234


@given(st.integers(-(10**12), 10**12), st.integers(2008, 2060), st.integers(1, 12))
def test_a_months_entry_fills_its_month(amount: int, year: int, month: int) -> None:
    """The hours of an entry sum to it, cover the month without a hole, and no day is off its share by one."""
    parts = counters.month_entry(amount, year, month)
    assert sum(part.amount for part in parts) == amount
    assert {part.provenance for part in parts} == {Provenance.MANUAL}
    assert [part.hour for part in parts] == list(range(periods.month_start(year, month), periods.month_start(year, month + 1), HOUR_MS))
    days = len(parts) // 24
    assert all(abs(sum(p.amount for p in parts[d * 24 : d * 24 + 24]) * days - amount) < days for d in range(days))


def test_shares_of_provenance_sum_to_one() -> None:
    """Shares are parts of the amount, all 0 where nothing was used."""
    assert counters.shares({M: 3, Provenance.MANUAL: 1}) == {"measured": 0.75, "distributed": 0.0, "estimated": 0.0, "manual": 0.25}
    assert sum(counters.shares({}).values()) == 0.0


def test_a_profile_has_a_week() -> None:
    """A row with another number of weights, or a negative one, is refused."""
    with pytest.raises(ValueError, match="168"):
        Profile(0, (1,) * 24)
    with pytest.raises(ValueError, match="168"):
        Profile(0, (1,) * 167 + (-1,))
