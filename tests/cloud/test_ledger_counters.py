from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.ledger import counters, judging, periods
from cloud.ledger.above import doubted
from cloud.ledger.counters import DEFAULT_RULES, HourPart, Provenance, RecordedShape, Rules, by_hours
from cloud.ledger.levels import follow
from cloud.ledger.limits import Limits, Sample
from cloud.ledger.path import Kind, Path, Step
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.shapes import LoadShape
from cloud.ledger.standing import Evidence
from cloud.ledger.usual import Usual
from contract.clock import parse_time

MINUTE = 60_000
T0 = parse_time("2026-03-02T00:00:00+08:00")  # a Monday
M, D, E = Provenance.MEASURED, Provenance.DISTRIBUTED, Provenance.ESTIMATED
OFFICE = RecordedShape(0, tuple(10 if day < 5 and 8 <= hour < 18 else 1 for day in range(7) for hour in range(24)))
BRANCH = Rules(Limits(step=10, rate=69_000))
"""A meter of 0.01 kWh on a branch of 69 kW; base units are Wh."""
Parts = list[HourPart]


def judged(samples: list[Sample], rules: Rules = DEFAULT_RULES) -> judging.Judged:
    return judging.judge(follow(samples, rules.limits), rules, Evidence())


def parts(samples: list[Sample], rules: Rules = DEFAULT_RULES) -> Parts:
    first, last = periods.floor(samples[0][0], "hour"), periods.floor(samples[-1][0] - 1, "hour")
    found = judged(samples, rules)
    return by_hours(found.intervals, first, last, rules, found.steady)


def used(samples: list[Sample], rules: Rules = BRANCH) -> int:
    return sum(part.amount for part in parts(samples, rules))


def kinds(samples: list[Sample], rules: Rules = BRANCH) -> list[str]:
    return [one.kind for one in judged(samples, rules).judgements]


def counting(number: int, every: int = 15_000, first: int = 13_423_700, step: int = 50) -> list[Sample]:
    return [(T0 + n * every, first + n * step) for n in range(number)]


def shown(samples: list[Sample], where: range, value: int | None = None, more: int = 0) -> list[Sample]:
    """The samples with some of them replaced by a value, or changed by an amount."""
    return [(at, (level + more if value is None else value) if n in where else level) for n, (at, level) in enumerate(samples)]


@st.composite
def rising(draw: st.DrawFn) -> list[Sample]:
    step = st.one_of(st.integers(1, HOUR_MS), st.integers(1, 60 * HOUR_MS), st.just(HOUR_MS))
    at, value, samples = T0 + draw(st.integers(0, HOUR_MS)), draw(st.integers(0, 10**6)), []
    for forward, more in draw(st.lists(st.tuples(step, st.integers(0, 10**7)), min_size=2, max_size=25)):
        samples.append((at, value))
        at, value = at + forward, value + more
    return samples


RULES = st.builds(
    Rules,
    limits=st.builds(Limits, measured_gap=st.sampled_from([15 * MINUTE, HOUR_MS, 2 * HOUR_MS]), modulus=st.sampled_from([None, 10**6])),
    profiles=st.sampled_from([(), (OFFICE,), (RecordedShape(0, (0,) * 168), RecordedShape(T0 + 30 * HOUR_MS, OFFICE.weights))]),
    shapes=st.lists(st.integers(0, 10**10), min_size=48, max_size=48).map(lambda weights: (LoadShape(T0 + HOUR_MS, str(weights)),)),
)


@settings(deadline=None)
@given(rising(), RULES)
def test_a_counter_that_only_rises_uses_last_minus_first(samples: list[Sample], rules: Rules) -> None:
    """Whatever the gaps and rules, the hours of a counter that only rises sum to its whole rise."""
    assert sum(part.amount for part in parts(samples, rules)) == samples[-1][1] - samples[0][1]


@settings(deadline=None)
@given(st.data())
def test_excursions_and_noise_leave_every_window_within_the_resolution(data: st.DataObject) -> None:
    """Excursions shorter than the confirmation, of any size, and noise of less than a step never move a window by more than a step."""
    number, every = data.draw(st.integers(20, 260)), data.draw(st.sampled_from([15_000, MINUTE, 15 * MINUTE]))
    rises = data.draw(st.lists(st.integers(0, 60), min_size=number, max_size=number))
    truth = [(T0 + n * every, 10**6 + sum(rises[: n + 1])) for n in range(number)]
    samples = [(at, level - data.draw(st.integers(0, 10))) for at, level in truth]
    longest, confirmed = max(10 * MINUTE // every - 1, 2), max(10 * MINUTE // every, 2) + 1
    at = 3
    while at + longest + confirmed < number:
        length = data.draw(st.integers(1, longest))
        wrong = data.draw(st.sampled_from([0, 10**6 - 3000, 10**6 + 655_360, 42_949_672_950]))
        samples = shown(samples, range(at, at + length), wrong)
        at += length + 50 * MINUTE // every + data.draw(st.integers(4, 9))
    path = follow(samples, BRANCH.limits)
    level = dict(zip(path.times, path.levels, strict=True))
    assert all(truth[n][1] - 10 <= level[at] <= truth[n][1] for n, (at, _) in enumerate(samples) if at in level)
    assert path.steps == {}
    assert path.open is None


@pytest.mark.parametrize(
    ("samples", "amount"),
    [
        (shown(counting(240), range(100, 101), 0), 11_950),
        (shown(counting(240), range(100, 120), 0), 11_950),
        (shown(counting(240), range(100, 101), more=655_360), 11_950),
        (shown(counting(240), range(100, 101), 42_949_672_950), 11_950),
        (shown(counting(240), range(100, 101), more=400), 11_950),
        ([(at, level - 3000 * (n % 2)) for n, (at, level) in enumerate(counting(321))], 16_000),
        ([(at, level - 3000 * ((n + 1) % 2)) for n, (at, level) in enumerate(counting(321))], 16_000),
    ],
    ids=["one zero", "zeros for five minutes", "a torn word", "all ones", "a little high", "every second low", "the first low"],
)
def test_what_a_counter_only_showed_is_no_use(samples: list[Sample], amount: int) -> None:
    """Field faults A1 to A4: the level before and after says what was used, and an event says so."""
    assert abs(used(samples) - amount) <= 50
    assert {part.provenance for part in parts(samples, BRANCH)} == {M}
    assert set(kinds(samples)) == {Kind.EXCURSION}


def test_zeros_for_six_hours_are_a_gap() -> None:
    """Field fault A2: zeros are taken for a reset at first; when the counter is back at its level, they were a gap."""
    samples = counting(96, every=15 * MINUTE)
    night = shown(samples, range(24, 48), 0)
    assert kinds(night[:40]) == [Kind.RESET]
    assert used(night) == 95 * 50
    found = parts(night, BRANCH)
    assert {part.provenance for part in found if 6 <= (part.hour - T0) / HOUR_MS < 12} == {D}
    assert kinds(night) == [Kind.EXCURSION]


def test_a_young_counter_comes_back_to_its_level() -> None:
    """Zeros that stand, and then the level again in one step that the branch could draw, are no reset and no use."""
    samples = counting(60, every=15 * MINUTE, first=5000, step=30)
    assert used(shown(samples, range(20, 30), 0)) == 59 * 30


def test_climbing_back_is_no_return() -> None:
    """A new meter that reaches the old one's level by counting has counted; nothing is taken back."""
    old = counting(10, every=15 * MINUTE, first=20_000, step=1000)
    new = [(old[-1][0] + (n + 1) * 15 * MINUTE, n * 1000) for n in range(40)]
    assert used([*old, *new]) == 9000 + 39_000
    assert kinds([*old, *new]) == [Kind.RESET]


@pytest.mark.parametrize(
    ("before", "after", "rules", "said"),
    [
        (999_990, 20, Rules(Limits(modulus=10**6, rate=100)), (30, M, Kind.ROLLOVER)),
        (999_990, 20, Rules(Limits(modulus=10**6)), (30, M, Kind.ROLLOVER)),
        (500_000, 20, Rules(Limits(modulus=10**6, rate=100)), (20, E, Kind.RESET)),
        (500_000, 20, Rules(), (20, E, Kind.RESET)),
        (500_000, 499_999, Rules(), (0, E, Kind.FALL)),
        (500_000, 499_999, Rules(Limits(step=1)), (0, M, None)),
        (500_000, 101, Rules(Limits(rate=100)), (0, E, Kind.FALL)),
        (500_000, 500_101, Rules(Limits(rate=100)), (0, E, Kind.JUMP)),
        (500_000, 500_100, Rules(Limits(rate=100)), (100, M, None)),
    ],
)
def test_what_a_counter_did(before: int, after: int, rules: Rules, said: tuple[int, Provenance, Kind | None]) -> None:
    """Rollover, reset, fall and jump are told apart once three samples agree; what nobody knows is not counted."""
    amount, provenance, kind = said
    samples = [(T0, before), *((T0 + n * HOUR_MS, after) for n in (1, 2, 3))]
    by_hour = parts(samples, rules)
    assert by_hour == [HourPart(T0, amount, provenance), *(HourPart(T0 + n * HOUR_MS, 0, M) for n in (1, 2))]
    assert [one.kind for one in judged(samples, rules).judgements] == ([kind] if kind else [])


def test_nothing_is_decided_by_two_samples() -> None:
    """Until three samples over ten minutes agree, the hours since the level was left have no figure, and it is said so."""
    samples = [(T0, 500_000), (T0 + HOUR_MS, 500_100), (T0 + 2 * HOUR_MS, 20), (T0 + 2 * HOUR_MS + MINUTE, 21)]
    assert [part.hour for part in parts(samples, BRANCH)] == [T0]
    assert kinds(samples) == [counters.UNDECIDED]


@pytest.mark.parametrize("end", [1, 2, 3, 5])
def test_a_frozen_counter_that_catches_up_is_a_gap(end: int) -> None:
    """Days of use in one step are spread over the days in which the counter stood; a finding is not needed, an event is."""
    before = counting(96, every=15 * MINUTE, step=500)
    stood = [(before[-1][0] + (n + 1) * 15 * MINUTE, before[-1][1]) for n in range(96 * end)]
    level, at = before[-1][1] + 500 * (96 * end + 1), stood[-1][0] + 15 * MINUTE
    after = [(at + n * 15 * MINUTE, level + 500 * n) for n in range(20)]
    samples = [*before, *stood, *after]
    assert used(samples) == after[-1][1] - before[0][1]
    assert kinds(samples) == ([Kind.FROZEN] if 500 * (96 * end + 1) > 69_000 / 4 else [])
    if 500 * (96 * end + 1) > 69_000 / 4:
        assert max(part.amount for part in parts(samples, BRANCH)) < 3000


def test_a_branch_may_draw_more_than_it_taught() -> None:
    """After a quiet month the cooling starts: what keeps within what is possible at all is use, and nobody is asked."""
    rules = Rules(Limits(step=10, rate=2_000, ceiling=630_000))
    samples = [*counting(40, every=15 * MINUTE, step=100)]
    for n in range(60):
        samples.append((samples[-1][0] + 15 * MINUTE, samples[-1][1] + 15_000 + 100 * (n % 7)))
    by_hour = parts(samples, rules)
    assert sum(one.amount for one in by_hour) == samples[-1][1] - samples[0][1]
    assert {one.provenance for one in by_hour} == {M}
    assert [one for one in judged(samples, rules).judgements if one.stake] == []
    torn = shown(samples, range(60, 61), more=100_000)
    assert used(torn, rules) == samples[-1][1] - samples[0][1]


def test_hourly_samples_on_the_hour_are_measured() -> None:
    """A counter read each full hour gives one measured part an hour, a difference of 0 included."""
    found = parts([(T0, 100), (T0 + HOUR_MS, 130), (T0 + 2 * HOUR_MS, 130)])
    assert found == [HourPart(T0, 30, M), HourPart(T0 + HOUR_MS, 0, M)]


def test_an_interval_over_the_hour_is_split_by_time() -> None:
    """From 00:50 to 01:20 a third falls before the hour, the odd unit to the larger remainder."""
    found = parts([(T0 + 50 * MINUTE, 0), (T0 + 80 * MINUTE, 100)])
    assert found == [HourPart(T0, 33, M), HourPart(T0 + HOUR_MS, 67, M)]


def test_a_gap_is_spread_by_the_profile() -> None:
    """A gap from 06:00 to 10:00 on a Monday follows the office's weights, also in the hour it ends in."""
    start = T0 + 6 * HOUR_MS
    samples = [(start, 0), (start + 3 * HOUR_MS + 30 * MINUTE, 1700)]
    by_profile = parts(samples, Rules(profiles=(OFFICE,)))
    assert by_profile == [HourPart(start + i * HOUR_MS, amount, D) for i, amount in enumerate([100, 100, 1000, 500])]
    assert [part.amount for part in parts(samples)] == [486, 486, 485, 243]


def test_a_gap_uses_the_profile_of_its_begin() -> None:
    """A profile that comes into force inside or after a gap changes nothing about that gap."""
    later = RecordedShape(T0 + HOUR_MS, (0,) * 167 + (1,))
    samples = [(T0, 0), (T0 + 3 * HOUR_MS, 30)]
    assert parts(samples, Rules(profiles=(OFFICE, later))) == parts(samples, Rules(profiles=(OFFICE,)))


def test_an_hour_can_have_two_provenances() -> None:
    """Where a gap ends inside an hour, the rest of the hour stays measured, in a part of its own."""
    found = parts([(T0, 0), (T0 + 90 * MINUTE, 90), (T0 + 2 * HOUR_MS, 100)])
    assert found == [HourPart(T0, 60, D), HourPart(T0 + HOUR_MS, 10, M), HourPart(T0 + HOUR_MS, 30, D)]


@pytest.mark.parametrize("second", [T0, T0 - 1])
def test_samples_out_of_order_are_refused(second: int) -> None:
    """Times must ascend strictly, since an interval of no length means nothing."""
    with pytest.raises(ValueError, match="ascending"):
        follow([(T0, 1), (second, 2)], Limits())


def test_fewer_than_two_samples_say_nothing() -> None:
    """One reading of a counter is no consumption."""
    assert judged([]).intervals == judged([(T0, 5)]).intervals == []


@given(st.integers(-(10**12), 10**12), st.integers(2008, 2060), st.integers(1, 12))
def test_a_months_entry_fills_its_month(amount: int, year: int, month: int) -> None:
    """The hours of an entry sum to it, cover the month without a hole, and no day is off its share by one."""
    found = counters.month_entry(amount, year, month)
    assert sum(part.amount for part in found) == amount
    assert {part.provenance for part in found} == {Provenance.MANUAL}
    assert [part.hour for part in found] == list(range(periods.month_start(year, month), periods.month_start(year, month + 1), HOUR_MS))
    days = len(found) // 24
    assert all(abs(sum(p.amount for p in found[d * 24 : d * 24 + 24]) * days - amount) < days for d in range(days))


def test_shares_of_provenance_sum_to_one() -> None:
    """Shares are parts of the amount, all 0 where nothing was used."""
    assert counters.shares({M: 3, Provenance.MANUAL: 1}) == {"measured": 0.75, "distributed": 0.0, "estimated": 0.0, "manual": 0.25}
    assert sum(counters.shares({}).values()) == 0.0


def test_a_profile_has_a_week() -> None:
    """A row with another number of weights, or a negative one, is refused."""
    with pytest.raises(ValueError, match="168"):
        RecordedShape(0, (1,) * 24)
    with pytest.raises(ValueError, match="168"):
        RecordedShape(0, (1,) * 167 + (-1,))


@pytest.mark.parametrize("share", [0.35, 0.5, 1.0])
def test_a_burst_of_junk_does_not_end_a_flickering_counter(share: float) -> None:
    """After ten minutes in which nothing agrees, good samples between stray ones still find each other, and all of it is measured."""
    chance = Random(11)  # noqa: S311 (values, not secrets)
    sound = counting(2 * 5760, step=12)
    burst = range(1440, 1480)
    stray = [n in burst or (n % 2 == 1 if share == 1.0 else chance.random() < share) for n in range(len(sound))]
    samples = [(at, chance.randrange(2 * 10**7, 4 * 10**10) if wrong else level) for (at, level), wrong in zip(sound, stray, strict=True)]
    found = parts(samples, BRANCH)
    assert sum(part.amount for part in found) == pytest.approx(sound[-1][1] - sound[0][1], abs=5000)
    assert sum(part.amount for part in found if part.provenance is M) >= 0.97 * (sound[-1][1] - sound[0][1])


def test_an_excursion_begins_before_its_samples() -> None:
    """Of stray samples among those that decide, the level before them is told, not one after them."""
    junk = [(T0 + 4 * MINUTE + n * 15_000, 10**9 * (n % 7 + 2)) for n in range(30)]
    sound = [(T0 + n * MINUTE, 13_423_700 + 40 * n) for n in range(60) if not 4 <= n < 12] + [
        (T0 + 14 * MINUTE + 7_000, 9**9),
        (T0 + 18 * MINUTE + 7_000, 8**9),
    ]
    path = follow(sorted([*junk, *sound]), BRANCH.limits)
    assert path.excursions
    assert all(one.since < one.at < one.until for one in path.excursions)


@pytest.mark.parametrize("caught_up_again", [False, True])
def test_a_rise_is_held_against_the_standstill_behind_it(*, caught_up_again: bool) -> None:
    """That a counter stood behind a rise is known whether its points are there or a later one caught up and made one gap of them."""
    flat = [] if caught_up_again else [(n * HOUR_MS, 8100) for n in range(26, 49)]
    points = [(0, 0), (HOUR_MS, 100), (25 * HOUR_MS, 8100), *flat, (49 * HOUR_MS, 16_100), (73 * HOUR_MS, 24_100)]
    path = Path([at for at, _ in points], [level for _, level in points])
    path.steps = {index: Step(Kind.FROZEN, 8000) for index in ((2, 3, 4) if caught_up_again else (2,))}
    usual = Usual(lambda start, end: [(hour, hour // HOUR_MS) for hour in range(start, end, HOUR_MS)], None)
    doubt = doubted(path, 2, Rules(), Evidence(usual))
    assert doubt is not None
    assert doubt.amount == 24
