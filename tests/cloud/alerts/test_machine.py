from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.alerts import machine
from cloud.alerts.machine import OPEN, Event, Phase, Reason, State, Timing

MINUTE = 60_000
DOOR = Timing(fire_after=5 * MINUTE, resolve_after=3 * MINUTE, hysteresis=0.5)
Story = list[tuple[int, float | str | None, Reason]]
ACKNOWLEDGE = "acknowledge"

STORIES: dict[str, Story] = {
    "a door left open for a moment is no alert": [
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (4, 1.0, Reason.NOT_LONG_ENOUGH),
        (5, -1.0, Reason.BACK_TO_NORMAL),
        (7, 1.0, Reason.NOT_LONG_ENOUGH),
        (11, 1.0, Reason.NOT_LONG_ENOUGH),
        (12, 1.0, Reason.LASTED),
    ],
    "a missing value neither fires nor forgives": [
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (3, None, Reason.NO_GOOD_VALUE),
        (6, 1.0, Reason.LASTED),
        (7, None, Reason.NO_GOOD_VALUE),
        (8, -1.0, Reason.NOT_NORMAL_LONG_ENOUGH),
        (10, None, Reason.NO_GOOD_VALUE),
        (11, -1.0, Reason.NORMAL_LONG_ENOUGH),
    ],
    "after a long hole the waiting begins anew": [
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (2, None, Reason.NO_GOOD_VALUE),
        (9, 1.0, Reason.NOT_LONG_ENOUGH),
        (13, 1.0, Reason.NOT_LONG_ENOUGH),
        (14, 1.0, Reason.LASTED),
    ],
    "after the time moved back the waiting begins anew": [
        (600, 1.0, Reason.NOT_LONG_ENOUGH),
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (5, 1.0, Reason.NOT_LONG_ENOUGH),
        (6, 1.0, Reason.LASTED),
        (700, -1.0, Reason.NOT_NORMAL_LONG_ENOUGH),
        (7, -1.0, Reason.NOT_NORMAL_LONG_ENOUGH),
        (10, -1.0, Reason.NORMAL_LONG_ENOUGH),
    ],
    "a time that moves back a little breaks nothing": [
        (10, 1.0, Reason.NOT_LONG_ENOUGH),
        (9, 1.0, Reason.NOT_LONG_ENOUGH),
        (13, 1.0, Reason.NOT_LONG_ENOUGH),
        (15, 1.0, Reason.LASTED),
    ],
    "a value that swings about its limit is one alert": [
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (6, 1.0, Reason.LASTED),
        (7, -0.2, Reason.WITHIN_HYSTERESIS),
        (8, 0.1, Reason.STILL_BEYOND),
        (9, -0.5, Reason.NOT_NORMAL_LONG_ENOUGH),
        (11, -0.4, Reason.WITHIN_HYSTERESIS),
        (12, -0.6, Reason.NOT_NORMAL_LONG_ENOUGH),
        (14, -0.6, Reason.NOT_NORMAL_LONG_ENOUGH),
        (15, -0.6, Reason.NORMAL_LONG_ENOUGH),
        (16, -0.6, Reason.NORMAL),
        (17, 0.1, Reason.NOT_LONG_ENOUGH),
    ],
    "what is acknowledged stays open until its cause is gone": [
        (1, 1.0, Reason.NOT_LONG_ENOUGH),
        (2, ACKNOWLEDGE, Reason.NOT_OPEN),
        (6, 1.0, Reason.LASTED),
        (7, ACKNOWLEDGE, Reason.BY_A_PERSON),
        (8, ACKNOWLEDGE, Reason.NOT_OPEN),
        (9, 1.0, Reason.STILL_BEYOND),
        (10, -1.0, Reason.NOT_NORMAL_LONG_ENOUGH),
        (13, -1.0, Reason.NORMAL_LONG_ENOUGH),
        (14, ACKNOWLEDGE, Reason.NOT_OPEN),
    ],
}


@pytest.mark.parametrize("title", STORIES)
def test_a_story_goes_as_a_technician_would_tell_it(title: str) -> None:
    """Minute by minute, each look has the reason that the story names."""
    state = State()
    for minute, seen, reason in STORIES[title]:
        if isinstance(seen, str):
            state, _, why = machine.acknowledge(state)
        else:
            state, _, why = machine.step(state, seen, DOOR, minute * MINUTE)
        assert why is reason, f"minute {minute}"


EXCESS = st.none() | st.floats(-2, 2)
LOOKS = st.lists(st.tuples(st.integers(1, 400_000), EXCESS, st.booleans()), max_size=60)
TIMINGS = st.builds(
    Timing, st.integers(0, 900_000), st.integers(0, 900_000), st.floats(0, 1), st.sampled_from([60_000, 300_000, 3_600_000])
)


def told(timing: Timing, looks: list[tuple[int, float | None, bool]]) -> list[tuple[int, Event, State, State]]:
    """Every event with its time and the states around it."""
    found, state, now = [], State(), 0
    for passed, excess, by_hand in looks:
        now += passed
        before = state
        state, event, _ = machine.acknowledge(state) if by_hand else machine.step(state, excess, timing, now)
        if event is not None:
            found.append((now, event, before, state))
    return found


@given(TIMINGS, LOOKS)
def test_there_are_never_two_open_alerts(timing: Timing, looks: list[tuple[int, float | None, bool]]) -> None:
    """Firing and resolving alternate, and nothing is acknowledged twice nor while it is not open."""
    events = [event for _, event, _, _ in told(timing, looks)]
    lasting = [event for event in events if event is not Event.ACKNOWLEDGED]
    assert lasting == [Event.FIRED, Event.RESOLVED] * (len(lasting) // 2) + [Event.FIRED] * (len(lasting) % 2)
    for first, second in pairwise([None, *events]):
        assert second is not Event.ACKNOWLEDGED or first is Event.FIRED


@given(TIMINGS, LOOKS)
def test_nothing_fires_or_resolves_before_its_time(timing: Timing, looks: list[tuple[int, float | None, bool]]) -> None:
    """Between what began it and the event lies at least the duration of the rule."""
    for now, event, before, after in told(timing, looks):
        if event is Event.FIRED:
            assert after.since is not None
            assert now - after.since >= timing.fire_after
        if event is Event.RESOLVED:
            since = now if before.clear_since is None else before.clear_since
            assert now - since >= timing.resolve_after


@given(TIMINGS, LOOKS, st.integers(1, 10**9))
def test_nothing_seen_changes_nothing(timing: Timing, looks: list[tuple[int, float | None, bool]], later: int) -> None:
    """Whatever the state, a look without a good value leaves it as it was."""
    state, now = State(), 0
    for passed, excess, _ in looks:
        now += passed
        state, _, _ = machine.step(state, excess, timing, now)
    assert machine.step(state, None, timing, now + later) == (state, None, Reason.NO_GOOD_VALUE)


@given(TIMINGS, LOOKS)
def test_a_dropped_subject_is_never_left_open(timing: Timing, looks: list[tuple[int, float | None, bool]]) -> None:
    """Who is no longer watched has no open alert, and it is said that it was resolved if there was one."""
    state, now = State(), 0
    for passed, excess, _ in looks:
        now += passed
        state, _, _ = machine.step(state, excess, timing, now)
    dropped, event, _ = machine.drop(state, now)
    assert dropped.phase not in OPEN | {Phase.PENDING}
    assert (event is Event.RESOLVED) is (state.phase in OPEN)
