"""What a schedule wants at a moment: laws against a plain oracle, and walks of whole days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.clock import SHANGHAI
from contract.operation import Operation
from contract.schedule import Schedule
from contract.scheduling import LOOK_AHEAD, Source, wanted
from tests.schedules import at, switches

OPERATION = Operation()
MINUTE = 60_000
DAYS = ["workdays", "days_off", "every_day", "mon", "wed", "sat", "sun"]
OFFSETS = [0, 1, 2, 3, 6, 7, 20]
AROUND = date(2026, 2, 9)
"""Monday; the Spring Festival with its make-up days, of which one is a Saturday, follows."""


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def local(day: date, minute: float = 0) -> datetime:
    return datetime.combine(day, time(), SHANGHAI) + timedelta(minutes=minute)


@st.composite
def between(draw: st.DrawFn) -> dict[str, Any]:
    clock = st.integers(0, 47).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
    return {"start": draw(clock), "end": draw(clock | st.just("24:00")), "values": {"on": draw(st.sampled_from([0, 1, 1, 1]))}}


@st.composite
def raw_schedules(draw: st.DrawFn) -> dict[str, Any]:
    """A schedule as a file would have it; not each of them is right."""
    days = st.sampled_from(DAYS) | st.lists(st.sampled_from(DAYS), min_size=1, max_size=3)
    spans = st.fixed_dictionaries({"days": days, "between": st.lists(between(), min_size=1, max_size=2)})
    exceptions = []
    for offset in draw(st.lists(st.sampled_from(OFFSETS), max_size=2, unique=True)):
        start = AROUND + timedelta(offset)
        length = draw(st.integers(0, 2))
        spans_of_it = draw(st.lists(between(), max_size=2))
        exceptions.append({"start": str(start), "end": str(start + timedelta(length)), "reason": "r", "spans": spans_of_it})
    effective = draw(st.sampled_from([{}, {"start": str(AROUND + timedelta(2))}, {"end": str(AROUND + timedelta(12))}]))
    return {
        "id": "s",
        "name": {"zh": "一", "en": "One"},
        "devices": ["d"],
        "weekly": draw(st.lists(spans, max_size=2)),
        "exceptions": exceptions,
        "effective": effective,
        "season": draw(st.sampled_from([None, {"start": "01-10", "end": "02-20"}, {"start": "12-01", "end": "02-15"}])),
        "default": draw(st.sampled_from([{}, {"on": 0}])),
        "lead": draw(st.sampled_from([{}, {"start": 60}, {"stop": 30}, {"start": 90, "stop": 90}])),
    }


def loaded(raw: dict[str, Any]) -> Schedule | None:
    try:
        return Schedule.model_validate(raw)
    except ValidationError:
        return None


schedules = raw_schedules().map(loaded).filter(lambda one: one is not None)
moments = st.integers(-3 * 1440, 30 * 1440).map(lambda minute: local(AROUND, minute))
advances = st.sampled_from([0, 30, 60, 240])


def held(schedule: Schedule, moment: datetime, advance: int) -> set[float]:
    """The values of every span that holds at a moment, found by looking at each day around it."""
    today, early, found = moment.date(), min(advance, schedule.lead.start), set[float]()
    if not schedule.covers(today):
        return found
    around = [today + timedelta(n) for n in range(-2, 3)]
    named = {day: [i for i, one in enumerate(schedule.exceptions) if one.start <= day <= (one.end or one.start)] for day in around}
    for day in around:
        if not schedule.covers(day) or named[day] != named[today]:
            continue
        begun = [one for span in schedule.weekly if span.on(day, OPERATION.workdays) for one in span.between]
        for one in schedule.exceptions[named[day][0]].spans if named[day] else begun:
            start, end = (datetime.combine(day, time(), SHANGHAI) + timedelta(minutes=m) for m in one.minutes)
            if start - timedelta(minutes=early) <= moment < end - timedelta(minutes=schedule.lead.stop):
                found.add(one.values["on"])
    return found


@settings(max_examples=80)
@given(schedules, moments, advances)
def test_a_schedule_says_what_its_spans_say(schedule: Schedule, moment: datetime, advance: int) -> None:
    """Never two answers; a span's value where one holds, else the default; the source says whether an exception is why."""
    values = held(schedule, moment, advance)
    assert len(values) <= 1
    excepted = schedule.covers(moment.date()) and schedule.exception_on(moment.date()) is not None
    said = wanted(schedule, OPERATION, "on", ms(moment), advance)
    if values:
        assert (said.value, said.source) == (values.pop(), Source.EXCEPTION if excepted else Source.WEEKLY)
    elif schedule.default and schedule.covers(moment.date()):
        assert (said.value, said.source) == (0.0, Source.EXCEPTION if excepted else Source.DEFAULT)
    else:
        assert (said.value, said.source) == (None, Source.NOTHING)


@settings(max_examples=80)
@given(schedules, moments, advances, st.lists(st.floats(0, 1, exclude_max=True), min_size=8, max_size=8))
def test_what_is_said_holds_until_then_and_changes_there(schedule: Schedule, moment: datetime, advance: int, shares: list[float]) -> None:
    """Between a moment and its `until` nothing differs; at `until` value or source do."""
    now = ms(moment)
    said = wanted(schedule, OPERATION, "on", now, advance)
    end = said.until or now + LOOK_AHEAD * 1440 * MINUTE
    for share in shares:
        later = wanted(schedule, OPERATION, "on", now + int((end - now) * share), advance)
        assert (later.value, later.source) == (said.value, said.source)
    if said.until is not None:
        assert wanted(schedule, OPERATION, "on", said.until - 1, advance) == said
        changed = wanted(schedule, OPERATION, "on", said.until, advance)
        assert (changed.value, changed.source) != (said.value, said.source)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["mon", "tue", "sun", "every_day"]), between()), min_size=2, max_size=2), st.sampled_from([0, 60])
)
def test_what_is_refused_has_two_answers(spans: list[tuple[str, dict[str, Any]]], early: int) -> None:
    """Of weekdays it is exact: two spans are refused just where some minute has two values, early beginnings included."""
    weekly = [{"days": days, "between": [one]} for days, one in spans]
    one, other = (made(weekly=[span], lead={"start": early}) for span in weekly)
    unchecked = one.model_copy(update={"weekly": [*one.weekly, *other.weekly]})
    week = [local(AROUND, half * 30) for half in range(2 * 24 * 9)]
    twice = any(len(held(unchecked, moment, early)) > 1 for moment in week)
    assert (loaded(one.model_dump(mode="json") | {"weekly": weekly}) is None) == twice


def made(**fields: object) -> Schedule:
    return Schedule.model_validate({"id": "s", "name": {"zh": "一", "en": "One"}, "devices": ["d"]} | fields)


WORK = {"days": "workdays", "between": [{"start": "08:00", "end": "18:00", "values": {"on": 1}}]}


def test_a_make_up_saturday_is_worked_and_a_holiday_is_not() -> None:
    """2026-02-14 is a worked Saturday, from 02-15 to 02-23 the Spring Festival is free, and 02-28 is a Saturday that is worked again."""
    schedule = made(weekly=[WORK], default={"on": 0})
    assert list(switches(schedule, OPERATION, "2026-02-14", "2026-03-01")) == [
        ("02-14 00:00", 0.0, Source.DEFAULT),
        ("02-14 08:00", 1.0, Source.WEEKLY),
        ("02-14 18:00", 0.0, Source.DEFAULT),
        *[
            step
            for day in ("02-24", "02-25", "02-26", "02-27", "02-28")
            for step in ((f"{day} 08:00", 1.0, Source.WEEKLY), (f"{day} 18:00", 0.0, Source.DEFAULT))
        ],
    ]


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    """The night of 31 December, a working day, runs into the holiday; on the holiday no night begins."""
    night = {"days": "workdays", "between": [{"start": "22:00", "end": "06:00", "values": {"on": 1}}]}
    assert list(switches(made(weekly=[night], default={"on": 0}), OPERATION, "2025-12-31", "2026-01-03")) == [
        ("12-31 00:00", 1.0, Source.WEEKLY),
        ("12-31 06:00", 0.0, Source.DEFAULT),
        ("12-31 22:00", 1.0, Source.WEEKLY),
        ("01-01 06:00", 0.0, Source.DEFAULT),
    ]


def test_an_exception_precedes_from_its_first_midnight_to_its_last() -> None:
    """It cuts a night of the day before, runs by its own spans, and the weekly nights of its own days do not begin."""
    night = {"days": "every_day", "between": [{"start": "22:00", "end": "06:00", "values": {"on": 1}}]}
    booked = {"start": "2026-03-04", "end": "2026-03-05", "reason": "r", "spans": [{"start": "23:00", "end": "01:00", "values": {"on": 2}}]}
    assert list(switches(made(weekly=[night], exceptions=[booked], default={"on": 0}), OPERATION, "2026-03-03", "2026-03-07")) == [
        ("03-03 00:00", 1.0, Source.WEEKLY),
        ("03-03 06:00", 0.0, Source.DEFAULT),
        ("03-03 22:00", 1.0, Source.WEEKLY),
        ("03-04 00:00", 0.0, Source.EXCEPTION),
        ("03-04 23:00", 2.0, Source.EXCEPTION),
        ("03-05 01:00", 0.0, Source.EXCEPTION),
        ("03-05 23:00", 2.0, Source.EXCEPTION),
        ("03-06 00:00", 0.0, Source.DEFAULT),
        ("03-06 22:00", 1.0, Source.WEEKLY),
    ]


def test_a_season_ends_at_midnight() -> None:
    """Outside of it the schedule says nothing, also of a night that would run on."""
    night = {"days": "every_day", "between": [{"start": "22:00", "end": "06:00", "values": {"on": 1}}]}
    schedule = made(weekly=[night], default={"on": 0}, season={"start": "05-01", "end": "09-30"})
    assert list(switches(schedule, OPERATION, "2026-09-30", "2027-05-01"))[-2:] == [
        ("09-30 22:00", 1.0, Source.WEEKLY),
        ("10-01 00:00", None, Source.NOTHING),
    ]
    assert wanted(schedule, OPERATION, "on", at("2026-10-01")).until == at("2027-05-01")


def test_a_night_that_began_before_the_schedule_is_none() -> None:
    """On its first day a schedule knows nothing of the evening before."""
    night = {"days": "every_day", "between": [{"start": "22:00", "end": "06:00", "values": {"on": 1}}]}
    schedule = made(weekly=[night], default={"on": 0}, effective={"start": "2026-03-04"})
    assert list(switches(schedule, OPERATION, "2026-03-03", "2026-03-05")) == [
        ("03-03 00:00", None, Source.NOTHING),
        ("03-04 00:00", 0.0, Source.DEFAULT),
        ("03-04 22:00", 1.0, Source.WEEKLY),
    ]


def test_an_early_start_reaches_into_the_day_before_and_no_further_than_the_lead() -> None:
    """What begins at 00:10 begins at 23:40 the day before, at most `lead.start` early."""
    schedule = made(
        weekly=[{"days": "wed", "between": [{"start": "00:10", "end": "06:00", "values": {"on": 1}}]}], lead={"start": 30, "stop": 10}
    )
    assert wanted(schedule, OPERATION, "on", at("2026-03-03T12:00")).until == at("2026-03-04T00:10")
    for advance in (30, 90):
        assert wanted(schedule, OPERATION, "on", at("2026-03-03T12:00"), advance).until == at("2026-03-03T23:40")
    assert wanted(schedule, OPERATION, "on", at("2026-03-04T05:49")) == (1.0, Source.WEEKLY, at("2026-03-04T05:50"))


def test_the_days_that_a_site_works_are_its_own() -> None:
    """A day that the site says it works is a workday of its schedules."""
    schedule, operation = made(weekly=[WORK]), Operation.model_validate({"worked": ["2026-03-01"]})
    assert wanted(schedule, OPERATION, "on", at("2026-03-01T09:00")).value is None
    assert wanted(schedule, operation, "on", at("2026-03-01T09:00")).value == 1.0


@pytest.mark.parametrize("point", ["fan", "nothing"])
def test_of_a_point_that_it_does_not_have_it_says_nothing(point: str) -> None:
    """And never will."""
    assert wanted(made(default={"on": 0}), OPERATION, point, at("2026-03-01")) == (None, Source.NOTHING, None)
