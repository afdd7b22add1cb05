"""The first site's schedules: zones, fresh air and elevators, walked through days of four kinds."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from contract.scheduling import Source, wanted
from contract.site import load_site
from contract.sitefolder import shipped_site
from tests.schedules import at, switches

SITE = load_site(shipped_site("lizhou"))
SCHEDULES = {schedule.id: schedule for schedule in SITE.schedules}
WORKDAY, MAKE_UP, HOLIDAY = "2026-07-01", "2026-05-09", "2026-10-01"
"""A Wednesday, a worked Saturday, and the National Day."""


def day(schedule: str, text: str, point: str = "on") -> list[tuple[str, float | None]]:
    """What holds from which minutes of a day on."""
    after = str(date.fromisoformat(text) + timedelta(1))
    return [(when[6:], value) for when, value, _ in switches(SCHEDULES[schedule], SITE.operation, text, after, point)]


OFFICES = [("00:00", 0.0), ("08:15", 1.0), ("17:30", 0.0)]
HALL = [("00:00", 0.0), ("07:45", 1.0), ("18:30", 0.0)]
FRESH = [("00:00", 0.0), ("07:30", 1.0), ("18:30", 0.0)]
OFF, ON = [("00:00", 0.0)], [("00:00", 1.0)]


@pytest.mark.parametrize("text", [WORKDAY, MAKE_UP])
def test_a_day_that_is_worked(text: str) -> None:
    """Offices stop half an hour before work ends, the hall has longer hours, the archive runs on, rooms that nobody booked are off."""
    assert (day("offices-cooling", text), day("hall-cooling", text)) == (OFFICES, HALL)
    assert (day("fresh-air", text), day("archive", text)) == (FRESH, ON)
    assert day("lecture-hall", text) == day("meeting-rooms", text) == OFF
    assert [value for _, value in day("offices-cooling", text, "setpoint")] == [None, 26.0, None]
    assert [value for _, value in day("offices-heating", text)] == [None]


def test_a_holiday_and_new_years_night() -> None:
    """Nothing runs but the archive: on the National Day, and from New Year's Eve, a working day, into the holiday."""
    night = [
        list(switches(SCHEDULES[name], SITE.operation, "2026-12-31T12:00", "2027-01-02"))
        for name in ("offices-heating", "fresh-air", "archive")
    ]
    assert night == [
        [("12-31 12:00", 1.0, Source.WEEKLY), ("12-31 17:30", 0.0, Source.DEFAULT)],
        [("12-31 12:00", 1.0, Source.WEEKLY), ("12-31 18:30", 0.0, Source.DEFAULT)],
        [("12-31 12:00", 1.0, Source.WEEKLY)],
    ]
    assert [day(name, HOLIDAY) for name in ("fresh-air", "lecture-hall", "archive")] == [OFF, OFF, ON]
    assert day("c1-lift-odd", HOLIDAY, "parity") == OFF


def test_a_booking_is_an_exception() -> None:
    """The lecture hall runs as it is booked, and the exception is the source of all that day."""
    schedule = SCHEDULES["lecture-hall"]
    assert [source for _, _, source in switches(schedule, SITE.operation, "2027-01-12", "2027-01-13")] == [Source.EXCEPTION] * 5
    assert day("lecture-hall", "2027-01-12") == [("00:00", 0.0), ("08:00", 1.0), ("12:00", 0.0), ("14:00", 1.0), ("18:00", 0.0)]


def test_every_zone_and_fresh_air_unit_is_switched_in_both_seasons() -> None:
    """Each has exactly one schedule that says on or off, in July and in January."""
    plant = [zone.device for zone in SITE.zones] + [d.id for d in SITE.devices if d.model.device_class == "fresh_air"]
    assert len(plant) == 13
    for moment in (at("2026-07-01T12:00"), at("2026-01-15T12:00")):
        for device in plant:
            said = [wanted(one, SITE.operation, "on", moment).value for one in SITE.schedules if device in one.devices]
            assert sum(value is not None for value in said) == 1


def test_seasons_are_those_of_the_site() -> None:
    """Each schedule with a season has the dates at which operation.yaml cools or heats."""
    seasons = {"cooling": SITE.operation.cooling, "heating": SITE.operation.heating}
    named = {name: schedule.season for name, schedule in SCHEDULES.items() if schedule.season is not None}
    assert named == {f"{what}-{name}": season for what in ("offices", "hall") for name, season in seasons.items()}


def test_elevators_obey_the_windows_of_the_site() -> None:
    """At each minute of four weeks with a make-up day and a holiday, a car's schedule asks for its parity just inside a window."""
    (first, weeks) = date(2026, 9, 14), 4
    cars = [(group, car) for group in SITE.elevator_groups for car in group.cars]
    assert len(cars) == 6
    for group, car in cars:
        (schedule,) = (one for one in SITE.schedules if car.device in one.devices)
        number = {"odd": 1.0, "even": 2.0}[car.parity]
        expected: list[tuple[str, float]] = [(f"{first:%m-%d} 00:00", 0.0)]
        for n in range(weeks * 7):
            if (today := first + timedelta(n)) in SITE.operation.workdays:
                opened = [(f"{today:%m-%d} {window.start}", number) for window in group.windows]
                closed = [(f"{today:%m-%d} {window.end}", 0.0) for window in group.windows]
                expected += sorted(opened + closed)
        found = switches(schedule, SITE.operation, str(first), str(first + timedelta(7 * weeks)), "parity")
        assert [(when, value) for when, value, _ in found] == expected
