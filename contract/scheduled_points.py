"""What a site's schedules and its devices must agree on, so that each point obeys one schedule and can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import combinations
from typing import TYPE_CHECKING

from contract.fault import Fault
from contract.schedule_faults import placed
from contract.yamlfile import nearest

if TYPE_CHECKING:
    from contract.fault import Place
    from contract.profile import PointMap
    from contract.schedule import Schedule
    from contract.site import Site

_MANY_YEARS = timedelta(days=28 * 365 + 7)
"""After 28 years the days of the week fall on the same days of the year again."""
_LEAP_YEAR = date(2024, 1, 1)
"""Where a schedule is looked at that is effective at all times: a year whose calendar is known and that has a 29 February."""
_DAY = timedelta(days=1)
_MONTH = 31
"""No stretch of days worked or of days off is so long, make-up days and the Spring Festival included."""
_LIMITED = "setpoint"


def misscheduled(site: Site) -> Iterator[Fault]:
    """Points that cannot have what a schedule says, or that two say something of, and parts that never hold.

    The schedules' devices must be known and have profiles.
    """
    for i, schedule in enumerate(site.schedules):
        for fault in (*_unable(site, schedule), *_never(site, schedule)):
            yield fault._replace(place=("schedules", i, *fault.place))
    for (_, one), (j, other) in combinations(enumerate(site.schedules), 2):
        yield from _shared(one, j, other)


def _shared(one: Schedule, number: int, other: Schedule) -> Iterator[Fault]:
    """That two schedules say something of one point on one day; the later one in the file is at fault."""
    devices, points = set(one.devices) & set(other.devices), one.points & other.points
    if not devices or not points or (day := next(_days(one, other), None)) is None:
        return
    place, device = next((i, device) for i, device in enumerate(other.devices) if device in devices)
    said = f"expected a device whose {min(points)} no other schedule has; {one.id} has it, on {day} for one"
    yield Fault(("schedules", number, "devices", place), said, device)


def _unable(site: Site, schedule: Schedule) -> Iterator[Fault]:
    """What a device cannot be written, each value once: of the first device that cannot."""
    told: set[Place] = set()
    models = {name: site.device_by_id[name].model.points for name in schedule.devices}
    for name, points in models.items():
        for place, point, value in _values(schedule):
            said = _objection(name, point, value, points)
            if said and place not in told:
                told.add(place)
                yield Fault(place, said, value)
    limited = [points[_LIMITED].writable for points in models.values() if _LIMITED in points]
    if schedule.policy == "limits" and not any(limited):
        yield Fault(("policy",), f"expected until_next or enforce, since no device of it has a {_LIMITED} that can be written", "limits")


def _values(schedule: Schedule) -> Iterator[tuple[Place, str, float]]:
    """Where each value stands, its point and the value."""
    yield from ((("default", point), point, value) for point, value in schedule.default.items())
    for one in placed(schedule):
        yield from (((*one.place, "values", point), point, value) for point, value in one.between.values.items())


def _objection(device: str, point: str, value: float, points: Mapping[str, PointMap]) -> str:
    """Why a device's point cannot have a value; empty where it can."""
    mapped = points.get(point)
    if mapped is None:
        return f"expected a point of {device}, got {point!r}{nearest(point, points)}"
    if not mapped.writable:
        return f"expected a point that can be written; {point} of {device} cannot"
    if mapped.limits is not None and not mapped.limits.min <= value <= mapped.limits.max:
        return f"expected {mapped.limits.min:g} to {mapped.limits.max:g} for {point} of {device}"
    if mapped.values is not None and value not in mapped.values:
        named = ", ".join(f"{number} ({name})" for number, name in mapped.values.items())
        return f"expected one of {named} for {point} of {device}"
    return ""


def _never(site: Site, schedule: Schedule) -> Iterator[Fault]:
    """What no day has, by the calendar of the site."""
    if next(_days(schedule), None) is None:
        yield Fault(("season", "start"), "expected a season that has a day on which the schedule is effective", _start(schedule))
        return
    if _month_in_a_row(day for day in _days(schedule) if schedule.exception_on(day) is None):
        return  # it has days of every kind, and the calendar need not be loaded for it
    for i, span in enumerate(schedule.weekly):
        weekly = (day for day in _days(schedule) if schedule.exception_on(day) is None)
        if not any(span.on(day, site.operation.workdays) for day in weekly):
            said = "expected a day that the schedule has beside its exceptions while it is effective and in season"
            yield Fault(("weekly", i, "days"), said, ", ".join(span.days))


def _month_in_a_row(days: Iterable[date]) -> bool:
    """Whether some of these days, in their order, follow each other for a month."""
    run, before = 0, None
    for day in days:
        run = run + 1 if before is not None and day - before == _DAY else 1
        if run == _MONTH:
            return True
        before = day
    return False


def _start(schedule: Schedule) -> str:
    return "" if schedule.season is None else schedule.season.start


def _days(*schedules: Schedule) -> Iterator[date]:
    """Days on which all of some schedules say something, in their order, of as many years as any of them can differ in."""
    seasons = [one.season for one in schedules if one.season is not None]
    year = (f"{_LEAP_YEAR + timedelta(n):%m-%d}" for n in range(366))
    if not any(all(day in season for season in seasons) for day in year):
        return
    starts = [one.effective.start for one in schedules if one.effective.start is not None]
    ends = [one.effective.end for one in schedules if one.effective.end is not None]
    first = max(starts) if starts else min(ends) - _MANY_YEARS if ends else _LEAP_YEAR
    last = min([first + _MANY_YEARS, *ends])
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    yield from (day for day in days if all(one.covers(day) for one in schedules))
