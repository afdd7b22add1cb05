"""What a single schedule says that can never hold, or that two people would read differently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations_with_replacement, product
from typing import TYPE_CHECKING, NamedTuple

from contract.fault import Fault, Place
from contract.operation import DAY_MINUTES
from contract.workdays import WEEKDAYS

if TYPE_CHECKING:
    from contract.schedule import Between, Schedule

_OFFSETS = range(-2, 3)
"""Days from the day of one span to that of another which it can meet: a whole day and the longest lead are less than two days."""


class Placed(NamedTuple):
    """A span of time, where it stands, and on which days it begins.

    Attributes:
        place: From the top of the schedule.
        between: The span.
        days: The words of the weekly part that it stands in; none in an exception.
        exception: Number of the exception that it stands in.
        length: Days of that exception.
    """

    place: Place
    between: Between
    days: tuple[str, ...] = ()
    exception: int | None = None
    length: int = 0


def idle(schedule: Schedule) -> Iterator[Fault]:
    """Parts that never hold, and a schedule that says nothing."""
    if not schedule.points:
        yield Fault(("default",), "expected a value here, in weekly or in exceptions; without any the schedule says nothing", None)
    for i, name in enumerate(schedule.devices):
        if name in schedule.devices[:i]:
            yield Fault(("devices", i), "stands twice; expected a device that this schedule does not have yet", name)
    for one in placed(schedule):
        first, last = one.between.minutes
        if last - first <= schedule.lead.stop:
            yield Fault((*one.place, "end"), f"expected a span longer than lead.stop ({schedule.lead.stop} minutes)", one.between.end)
    for i, exception in enumerate(schedule.exceptions):
        days = (exception.start + timedelta(n) for n in range((exception.last - exception.start).days + 1))
        if not any(map(schedule.covers, days)):
            yield Fault(("exceptions", i, "start"), "expected a day on which the schedule is effective and in season", str(exception.start))


def unclear(schedule: Schedule) -> Iterator[Fault]:
    """Times of which two parts say something else, and spans that lead.stop would tear apart."""
    for i, exception in enumerate(schedule.exceptions):
        for j, other in enumerate(schedule.exceptions[:i]):
            if exception.start <= other.last and other.start <= exception.last:
                said = f"expected days that no other exception has; exceptions.{j} has some of them"
                yield Fault(("exceptions", i, "start"), said, str(exception.start))
    meeting = list(_meeting(schedule))
    differing = dict.fromkeys(fault for pair in meeting for fault in _differing(schedule, *pair))  # two spans may meet on several days
    yield from differing
    if not differing and any(_torn(schedule, *pair) for pair in meeting):
        said = "expected 0, since spans follow each other here: each would end before the next one begins"
        yield Fault(("lead", "stop"), said, schedule.lead.stop)


def placed(schedule: Schedule) -> Iterator[Placed]:
    """Each span of time of a schedule, in the order of the file."""
    for i, span in enumerate(schedule.weekly):
        for j, between in enumerate(span.between):
            yield Placed(("weekly", i, "between", j), between, tuple(span.days))
    for i, exception in enumerate(schedule.exceptions):
        for j, between in enumerate(exception.spans):
            yield Placed(("exceptions", i, "spans", j), between, (), i, (exception.last - exception.start).days + 1)


def _meeting(schedule: Schedule) -> Iterator[tuple[Placed, Placed, int]]:
    """Each two spans of one part that have a point in common, also one and itself, and how many days later the second may begin."""
    for one, other in combinations_with_replacement(list(placed(schedule)), 2):
        if one.exception != other.exception or one.between.values.keys().isdisjoint(other.between.values):
            continue
        for offset in _OFFSETS if one is not other else range(1, 2):
            if _may_begin(one, other, offset):
                yield one, other, offset


def _may_begin(one: Placed, other: Placed, offset: int) -> bool:
    if one.exception is not None:
        return abs(offset) < one.length
    return any(_may_follow(word, later, offset) for word, later in product(one.days, other.days))


def _may_follow(word: str, later: str, offset: int) -> bool:
    """Whether a day that one word means may lie `offset` days before one that the other means."""
    if word in WEEKDAYS and later in WEEKDAYS:
        return (WEEKDAYS.index(word) + offset) % len(WEEKDAYS) == WEEKDAYS.index(later)
    return offset != 0 or {word, later} != {"workdays", "days_off"}  # a make-up day may be any day of the week


def _differing(schedule: Schedule, one: Placed, other: Placed, offset: int) -> Iterator[Fault]:
    """What two spans say differently of one time, be it that one begins as early as it may."""
    early, shift = schedule.lead.start, offset * DAY_MINUTES
    first, last = one.between.minutes
    other_first, other_last = other.between.minutes
    if first - early >= other_last + shift or other_first + shift - early >= last:
        return
    for point, value in other.between.values.items():
        if (said := one.between.values.get(point, value)) != value:
            where = ".".join(map(str, one.place))
            yield Fault((*other.place, "values", point), f"expected {said:g}, as {where} says for a time that both have", value)


def _torn(schedule: Schedule, one: Placed, other: Placed, offset: int) -> bool:
    """Whether one span would end too early for another that follows without a pause."""
    stop, shift = schedule.lead.stop, offset * DAY_MINUTES
    first, last = one.between.minutes
    other_first, other_last = (minute + shift for minute in other.between.minutes)
    return last - stop < other_first <= last < other_last or other_last - stop < first <= other_last < last
