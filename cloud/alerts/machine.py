"""The state machine of one rule and one subject: (state, observation, now) -> (state, event, reason).

It reads no clock and stores nothing. Durations count only while observations keep coming: after a hole longer than
`longest_gap`, or when the time moved back by more, nobody knows what was between, so they begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Phase(StrEnum):
    """How a rule stands for a subject."""

    NORMAL = "normal"
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


OPEN = frozenset({Phase.FIRING, Phase.ACKNOWLEDGED})
QUIET = frozenset({Phase.NORMAL, Phase.RESOLVED})


class Event(StrEnum):
    """What a step brought about."""

    FIRED = "fired"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"


class Reason(StrEnum):
    """Why a step came out as it did."""

    NO_GOOD_VALUE = "no_good_value"
    NORMAL = "normal"
    NOT_LONG_ENOUGH = "not_long_enough"
    LASTED = "lasted"
    STILL_BEYOND = "still_beyond"
    BACK_TO_NORMAL = "back_to_normal"
    WITHIN_HYSTERESIS = "within_hysteresis"
    NOT_NORMAL_LONG_ENOUGH = "not_normal_long_enough"
    NORMAL_LONG_ENOUGH = "normal_long_enough"
    BY_A_PERSON = "by_a_person"
    NOT_OPEN = "not_open"
    NO_LONGER_WATCHED = "no_longer_watched"


class State(NamedTuple):
    """Where the machine stands; times in ms since 1970. A tuple, since each round makes thousands.

    Attributes:
        phase: How the rule stands.
        since: Since when the limit is passed without a break, while pending or open.
        clear_since: Since when an open alert is back to normal without a break.
        seen: When the last good observation was made.
    """

    phase: Phase = Phase.NORMAL
    since: int | None = None
    clear_since: int | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How a rule waits, ms, and by how much (in the unit of the excess) a value must come back."""

    fire_after: int = 0
    resolve_after: int = 0
    hysteresis: float = 0.0
    longest_gap: int = 300_000


Step = tuple[State, Event | None, Reason]


def step(state: State, excess: float | None, timing: Timing, now: int) -> Step:
    """The next state, what happened, and why.

    Args:
        state: As the last step left it.
        excess: How far the limit is passed: above 0 it is, at or below it is not; None if nothing good was observed, which
            neither fires nor resolves.
        timing: Of the rule.
        now: ms since 1970 in UTC.
    """
    if excess is None:
        return state, None, Reason.NO_GOOD_VALUE
    unbroken = state.seen is not None and abs(now - state.seen) <= timing.longest_gap
    state = State(state.phase, state.since, state.clear_since, now)
    if excess > 0:
        return _beyond(state, timing, now, unbroken=unbroken)
    if state.phase is Phase.PENDING:
        return State(seen=now), None, Reason.BACK_TO_NORMAL
    if state.phase not in OPEN:
        return state, None, Reason.NORMAL
    if excess > -timing.hysteresis:
        return state._replace(clear_since=None), None, Reason.WITHIN_HYSTERESIS
    return _clearing(state, timing, now, unbroken=unbroken)


def _beyond(state: State, timing: Timing, now: int, *, unbroken: bool) -> Step:
    if state.phase in OPEN:
        return state._replace(clear_since=None), None, Reason.STILL_BEYOND
    goes_on = state.phase is Phase.PENDING and state.since is not None and unbroken
    since = state.since if goes_on and state.since is not None else now
    if now - since < timing.fire_after:
        return State(Phase.PENDING, since, seen=now), None, Reason.NOT_LONG_ENOUGH
    return State(Phase.FIRING, since, seen=now), Event.FIRED, Reason.LASTED


def _clearing(state: State, timing: Timing, now: int, *, unbroken: bool) -> Step:
    since = state.clear_since if state.clear_since is not None and unbroken else now
    if now - since < timing.resolve_after:
        return state._replace(clear_since=since), None, Reason.NOT_NORMAL_LONG_ENOUGH
    return State(Phase.RESOLVED, seen=now), Event.RESOLVED, Reason.NORMAL_LONG_ENOUGH


def acknowledge(state: State) -> Step:
    """Somebody looks after it: it stays open and goes on to be observed, and nobody is told again."""
    if state.phase is not Phase.FIRING:
        return state, None, Reason.NOT_OPEN
    return state._replace(phase=Phase.ACKNOWLEDGED), Event.ACKNOWLEDGED, Reason.BY_A_PERSON


def drop(state: State, now: int) -> Step:
    """The rule or its subject is gone, or exempt now: nothing watches any more."""
    if state.phase in OPEN:
        return State(Phase.RESOLVED, seen=now), Event.RESOLVED, Reason.NO_LONGER_WATCHED
    return State(seen=now), None, Reason.NO_LONGER_WATCHED
