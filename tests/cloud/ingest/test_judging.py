"""Late is not wrong: which lags are a clock's, and which a queue's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.devices.clocks import TOLERANCE, State
from cloud.ingest.judging import DRIFT, ENOUGH, OLDEST, STEADY, Source

NOW = 1_790_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
few = settings(max_examples=60, deadline=None)


def fed(source: Source, measured: Sequence[int], lags: Sequence[int]) -> list[bool]:
    """What the source says of measurements at these true-to-its-clock times, each received so much later."""
    return [source.take(at, lag, "d", [at]) for at, lag in zip(measured, lags, strict=True)]


def test_a_clock_eight_hours_behind_is_judged_by_the_fifth_measurement() -> None:
    """Four are good, the fifth and what follows are suspect; the judgement covers all of them and names the good ones."""
    source = Source()
    times = [NOW - 8 * HOUR + n * 15_000 for n in range(7)]
    assert fed(source, times, [8 * HOUR + n % 3 * 900 for n in range(7)]) == [False] * 4 + [True] * 3
    row = source.row
    assert row is not None
    assert (row.state, row.start, row.end, row.offset_from, row.offset_to) == (State.OPEN, times[0], times[-1], -8 * HOUR, -8 * HOUR)
    assert row.good == {"d": set(times[:4])}
    assert source.take(NOW, 500, "d", [NOW]) is False  # it was set
    assert source.row is None
    assert [(row.state, row.end) for row in source.closed] == [(State.CLOSED, times[-1])]


def test_before_it_is_judged_it_is_undecided() -> None:
    """The span of the late readings is known, so that their hours can be called provisional."""
    source = Source()
    times = [NOW + n * MINUTE for n in range(ENOUGH - 1)]
    fed(source, times, [600_000] * len(times))
    assert source.row is not None
    assert (source.row.state, source.row.start, source.row.end) == (State.UNDECIDED, times[0], times[-1])
    assert source.take(times[-1] + MINUTE, 30, "d", [times[-1] + MINUTE]) is False
    assert source.idle()


@pytest.mark.parametrize("every", [1000, 15_000, 900_000])
@pytest.mark.parametrize("order", [1, -1])
def test_what_something_kept_and_hands_over_at_once_is_late_not_wrong(every: int, order: int) -> None:
    """An hour or more of measurements that come within a second, oldest or newest first: all good, and nothing is judged."""
    source = Source()
    times = [NOW - HOUR - n * every for n in range(200)][::order]
    assert fed(source, times, [NOW + index * 5 - at for index, at in enumerate(times)]) == [False] * 200
    assert source.row is None


@few
@given(every=st.integers(1000, 900_000), pace=st.floats(1.2, 1000), kept=st.integers(1, 60), jitter=st.integers(0, 200))
def test_a_queue_that_is_emptied_faster_than_it_is_filled_is_never_a_clock(every: int, pace: float, kept: int, jitter: int) -> None:
    """Whatever the interval and the pace from 1.2 times as fast: lags fall, so no reading of it is suspect."""
    source = Source()
    times = [NOW + n * every for n in range(kept)]
    first = times[-1] + HOUR
    received = [first + int(n * every / pace) + n % 2 * min(jitter, every // 100) for n in range(kept)]
    assert not any(fed(source, times, [came - at for came, at in zip(received, times, strict=True)]))


@few
@given(
    offset=st.integers(TOLERANCE + STEADY, 80 * 24 * HOUR),
    every=st.integers(1000, 900_000),
    noise=st.lists(st.integers(0, 90), min_size=30, max_size=30),
)
def test_a_clock_that_is_behind_is_always_found(offset: int, every: int, noise: list[int]) -> None:
    """Whatever it is off by and however often it measures: after five measurements nothing of it is good any more."""
    source = Source()
    doubted = fed(source, [NOW + n * every for n in range(30)], [offset + n for n in noise])
    assert doubted == [False] * (ENOUGH - 1) + [True] * (30 - ENOUGH + 1)
    assert source.row is not None
    assert abs(source.row.offset_to + offset) <= max(noise)


def test_lags_without_a_pattern_are_a_queue() -> None:
    """A wide spread is nobody's clock, however long it goes on."""
    source = Source()
    lags = [300_000, 900_000, 310_000, 700_000, 250_000] * 10
    assert not any(fed(source, [NOW + n * MINUTE for n in range(50)], lags))
    assert source.row is None


def test_a_time_in_the_future_decides_at_once() -> None:
    """Nothing can keep what was not measured yet; what then waits on the way lags less, and belongs to the same clock."""
    source = Source()
    assert source.take(NOW + HOUR, -HOUR, "d", [NOW + HOUR]) is True
    assert source.take(NOW + HOUR + MINUTE, -HOUR + 300_000, "d", [NOW + HOUR + MINUTE]) is True
    assert source.row is not None
    assert (source.row.offset_from, source.row.start, source.row.end) == (HOUR, NOW + HOUR, NOW + HOUR + MINUTE)


def test_a_queue_of_a_clock_that_is_behind_stays_with_the_clock() -> None:
    """A terminal eight hours behind was without a network for an hour: its backlog is suspect, and its offset stays."""
    source = Source()
    fed(source, [NOW + n * MINUTE for n in range(6)], [8 * HOUR] * 6)
    backlog = [NOW + 10 * MINUTE + n * MINUTE for n in range(60)]
    assert all(fed(source, backlog, [8 * HOUR + HOUR - n * MINUTE for n in range(60)]))
    assert source.row is not None
    assert (source.row.offset_to, source.row.end, source.closed) == (-8 * HOUR, backlog[-1], [])


def test_a_clock_that_is_set_half_way_is_judged_anew() -> None:
    """From eight hours behind to one: the first judgement ends, four readings are taken as late, and the fifth is judged."""
    source = Source()
    fed(source, [NOW + n * MINUTE for n in range(6)], [8 * HOUR] * 6)
    later = [NOW + 8 * HOUR + n * MINUTE for n in range(6)]
    assert fed(source, later, [HOUR] * 6) == [False] * 4 + [True] * 2
    assert [(row.offset_to, row.end) for row in source.closed] == [(-8 * HOUR, NOW + 5 * MINUTE)]
    assert source.row is not None
    assert (source.row.offset_to, source.row.start) == (-HOUR, later[0])


def test_a_clock_that_drifts_is_told_before_it_is_wrong_and_followed_in_pieces() -> None:
    """30 s are told; beyond 120 s each piece of 10 s is linear from its first offset to its last, and they join."""
    source = Source()
    every, drift = MINUTE, 40  # a minute makes 40 ms
    told = []
    for n in range(6000):
        lag = n * drift
        doubtful = source.take(NOW + n * every - lag, lag, "d", [NOW + n * every - lag])
        if source.drifting:
            told.append(lag)
        assert doubtful == (lag > TOLERANCE) or lag < TOLERANCE + 6 * drift
    assert DRIFT < min(told) <= DRIFT + 5 * drift
    assert max(told) <= TOLERANCE
    assert len(source.closed) >= 10
    for before, after in zip(source.closed, source.closed[1:], strict=False):
        assert before.offset_to == after.offset_from
        assert abs(before.offset_to - before.offset_from) <= STEADY + 10 * drift


def test_what_is_older_than_ninety_days_is_not_believed() -> None:
    """A clock that woke up in 2007 is suspect at once, and judged when it stays so."""
    source = Source()
    assert source.take(NOW, OLDEST + 1, "d", [NOW]) is True
    assert source.row is None
    assert all(fed(source, [NOW + n * MINUTE for n in range(1, 5)], [OLDEST + 1] * 4))
    assert source.row is not None
    assert (source.row.state, source.row.offset_to, source.row.start, source.row.good) == (State.OPEN, -OLDEST - 1, NOW + 4 * MINUTE, {})
