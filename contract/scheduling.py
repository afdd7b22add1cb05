"""What a schedule wants of a point at a moment, why, and until when. Nothing here reads a clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from contract.clock import SHANGHAI
from contract.operation import DAY_MINUTES

if TYPE_CHECKING:
    from contract.operation import Operation
    from contract.schedule import Between, Schedule
    from contract.site import Site

LOOK_AHEAD = 400
"""Days for which the next change is looked for: a season comes back within them, but for one of 29 February alone."""
_MINUTE_MS = 60_000
_BESIDE = (-1, 0, 1)
"""A span of the day before may run over midnight, and one of the day after may begin early."""


class Source(IntEnum):
    """Who a point obeys; the numbers are priorities of BACnet (ASHRAE 135, priority array), of which the smallest wins."""

    NOTHING = 0
    SAFETY = 1
    COMMAND = 8
    EXCEPTION = 15
    WEEKLY = 16
    DEFAULT = 17


class Wanted(NamedTuple):
    """What a point should have.

    Attributes:
        value: In the point's unit; None where nothing is said of it.
        source: Why.
        until: When value or source change next, ms since 1970 in UTC; None where they do not within `LOOK_AHEAD` days.
    """

    value: float | None
    source: Source
    until: int | None


_Said = tuple[float | None, Source]


def wanted(schedule: Schedule, operation: Operation, point: str, at: int, advance: int = 0) -> Wanted:
    """What a schedule says of a point.

    Args:
        schedule: It says the same for each of its devices.
        operation: Of the site, whose calendar says which days are worked.
        point: Any; of one that it has nothing of, it says nothing.
        at: Moment, ms since 1970 in UTC.
        advance: Minutes by which spans begin earlier than they say; the schedule's `lead.start` is the most of them.
    """
    day = datetime.fromtimestamp(at // 1000, SHANGHAI).date()
    early = min(advance, schedule.lead.start)
    now: _Said = (None, Source.NOTHING)
    for begin, said in _course(schedule, operation, point, day, early):
        if begin <= at:
            now = said
        elif said != now:
            return Wanted(*now, begin)
    return Wanted(*now, None)


def chosen(site: Site, device: str, point: str, at: int, advance: int = 0) -> tuple[Schedule | None, Wanted]:
    """The schedule of a site that says something of a device's point, with what it says; none, and when one will, where none does."""
    silent: list[int] = []
    for schedule in site.schedules:
        if device in schedule.devices and point in schedule.points:
            said = wanted(schedule, site.operation, point, at, advance)
            if said.source is not Source.NOTHING:
                return schedule, said
            if said.until is not None:
                silent.append(said.until)
    return None, Wanted(None, Source.NOTHING, min(silent, default=None))


def _course(schedule: Schedule, operation: Operation, point: str, day: date, early: int) -> Iterator[tuple[int, _Said]]:
    """From which moments on what is said, in their order, from the midnight of a day."""
    for ahead in range(LOOK_AHEAD + 1):
        midnight = int(datetime.combine(day + timedelta(ahead), time(), SHANGHAI).timestamp()) * 1000
        for minute, said in _pieces(schedule, operation, point, day + timedelta(ahead), early):
            yield midnight + minute * _MINUTE_MS, said


def _pieces(schedule: Schedule, operation: Operation, point: str, day: date, early: int) -> Iterator[tuple[int, _Said]]:
    """From which minutes of a day on what is said, in their order, the first at 0."""
    if not schedule.covers(day):
        yield 0, (None, Source.NOTHING)
        return
    excepted = schedule.exception_on(day) is not None
    beside: _Said = (None, Source.NOTHING)
    if point in schedule.default:
        beside = schedule.default[point], Source.EXCEPTION if excepted else Source.DEFAULT
    held = [
        (first - early + offset * DAY_MINUTES, last - schedule.lead.stop + offset * DAY_MINUTES, between.values[point])
        for offset in _BESIDE
        for between in _begun(schedule, operation, day, offset)
        if point in between.values
        for first, last in [between.minutes]
    ]
    edges = {0, *(edge for first, last, _ in held for edge in (first, last) if 0 < edge < DAY_MINUTES)}
    for edge in sorted(edges):
        values = (value for first, last, value in held if first <= edge < last)
        said = next(values, None)
        yield edge, beside if said is None else (said, Source.EXCEPTION if excepted else Source.WEEKLY)


def _begun(schedule: Schedule, operation: Operation, day: date, offset: int) -> Iterator[Between]:
    """Spans that begin on the day `offset` days after one, as far as they may hold on that one.

    An exception precedes the weekly part from its first midnight to its last: a span that begins under one of them ends where
    the other begins. So it is where a schedule begins or ends to be effective.
    """
    begin = day + timedelta(offset)
    exception = schedule.exception_on(begin)
    if not schedule.covers(begin) or exception is not schedule.exception_on(day):
        return
    if exception is not None:
        yield from exception.spans
        return
    for span in schedule.weekly:
        if span.on(begin, operation.workdays):
            yield from span.between
