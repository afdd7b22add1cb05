"""Laws of what moves: elevator cars and official cars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import pairwise

import pytest

from contract.operation import Operation
from simulators.world.calendar import DAY_MS, HOUR_MS, day_number, day_start_ms
from simulators.world.roads import distance
from simulators.world.site_world import SiteWorld
from simulators.world.vehicles import KM_PER_YEAR, TRIPS_PER_YEAR, Vehicle

Make = Callable[..., SiteWorld]
TUESDAY = day_start_ms(day_number(2026, 7, 21))


def counts(world: SiteWorld, car: str, at_ms: int) -> list[float]:
    return [world.values(car, at_ms)[f"stops_{n:02d}"] or 0.0 for n in range(1, 33)]


def test_windows_hold_on_the_days_on_which_the_site_works(make_world: Make) -> None:
    """A Tuesday on which it is closed has none, and the Saturday that it works instead has."""
    free, worked = date(2026, 7, 21), date(2026, 7, 25)
    site = make_world().site
    closed = site.operation.model_copy(update={"free": [free], "worked": [worked]})
    lift = SiteWorld(site.model_copy(update={"operation": Operation.model_validate(closed.model_dump())})).elevators["odd"]
    noon = {day: day_start_ms(day_number(day.year, day.month, day.day)) + 12 * HOUR_MS for day in (free, worked, date(2026, 7, 22))}
    assert {day: lift.in_window(at, at) for day, at in noon.items()} == {free: False, worked: True, date(2026, 7, 22): True}


@pytest.mark.parametrize(("car", "forbidden"), [("odd", {2, 4, 6, 8, 10}), ("even", {3, 5, 7, 9})])
def test_cars_stop_only_at_their_floors_inside_the_window(make_world: Make, car: str, forbidden: set[int]) -> None:
    """From 8 to 18 on a working day no counter of a forbidden floor moves, and the others do; outside every floor is served."""
    world = make_world()
    lift = world.elevators[car]
    week = [s for day in range(day_number(2026, 7, 20), day_number(2026, 7, 27)) for s in lift.stops(day)]
    inside = {s.floor for s in week if lift.in_window(s.arrived, s.arrived)}
    assert inside.isdisjoint(forbidden)
    assert len(inside) >= 4
    assert {s.floor for s in week} & forbidden
    opening, closing = counts(world, car, TUESDAY + 8 * HOUR_MS), counts(world, car, TUESDAY + 18 * HOUR_MS)
    assert all(opening[f - 1] == closing[f - 1] for f in forbidden)
    assert sum(closing) > sum(opening) + 50
    assert world.values(car, TUESDAY + 8 * HOUR_MS)["floor"] not in forbidden


def test_latched_counters_rise_with_each_stop_and_never_fall(make_world: Make) -> None:
    """The sum of the floors is the car's total, over days and midnights."""
    world = make_world()
    at = TUESDAY - HOUR_MS
    last = counts(world, "odd", at)
    for i in range(1, 100):
        now = counts(world, "odd", at + i * 20 * 60_000)
        assert all(b >= a for a, b in zip(last, now, strict=True))
        assert sum(now) == world.values("odd", at + i * 20 * 60_000)["stops"]
        last = now


def test_a_stop_shows_in_floor_last_stop_and_counter(make_world: Make) -> None:
    """At the moment a car arrives, its floor, its last stop and one counter say so."""
    world = make_world()
    stop = world.elevators["odd"].stops(day_number(2026, 7, 21))[5]
    before, after = world.values("odd", stop.arrived - 1), world.values("odd", stop.arrived)
    assert (after["floor"], after["last_stop"], after["direction"]) == (stop.floor, stop.floor, 0.0)
    assert before["direction"] in {1.0, 2.0}
    assert (after[f"stops_{stop.floor:02d}"] or 0) - (before[f"stops_{stop.floor:02d}"] or 0) == 1


def test_a_written_parity_holds_from_then_on(make_world: Make) -> None:
    """After "even" is written, an odd car serves even floors and the common one; what was before stays."""
    world = make_world()
    noon = TUESDAY + 12 * HOUR_MS
    before = counts(world, "odd", noon)
    world.write("odd", "parity", 2.0, noon)
    assert counts(world, "odd", noon) == before
    later = [s for s in world.elevators["odd"].stops(day_number(2026, 7, 21)) if s.left > noon + 120_000]
    assert {s.floor for s in later} <= {1, 2, 4, 6, 8, 10}
    assert {2, 4, 6} & {s.floor for s in later}


def yearly(car: Vehicle, year: int) -> tuple[int, float]:
    """Trips and km of a year."""
    first, last = day_number(year), day_number(year + 1)
    km = (car.values(day_start_ms(last))["odometer"] or 0) - (car.values(day_start_ms(first))["odometer"] or 0)
    return sum(len(car.trips(day)) for day in range(first, last)), km


def test_the_fleets_year_is_near_its_report(make_world: Make) -> None:
    """69 cars make 11 656 trips and 1.2 million km, within 5 %."""
    sums = [yearly(car, 2025) for car in make_world(cars=69).vehicles.values()]
    assert sum(trips for trips, _ in sums) == pytest.approx(TRIPS_PER_YEAR, rel=0.05)
    assert sum(km for _, km in sums) == pytest.approx(KM_PER_YEAR, rel=0.05)


def test_odometer_speed_and_position_agree(make_world: Make) -> None:
    """While a car drives, metres on the map, metres on the odometer and speed over time are the same."""
    world = make_world()
    car = world.vehicles["car0"]
    day = next(d for d in range(day_number(2026, 7, 1), day_number(2026, 8, 1)) if car.trips(d))
    trip = car.trips(day)[0]
    times = range(trip.start, trip.start + trip.leg, 5_000)
    track = [world.values("car0", t) for t in times]
    for a, b in pairwise(track):
        driven = (b["odometer"] or 0) - (a["odometer"] or 0)
        mean = ((a["speed"] or 0) + (b["speed"] or 0)) / 2
        apart = distance((a["latitude"] or 0, a["longitude"] or 0), (b["latitude"] or 0, b["longitude"] or 0))
        assert driven == pytest.approx(mean * 5 / 3600, abs=0.003)
        assert apart <= driven + 0.002
        assert (b["speed"] or 0) < 120
    assert all(row["ignition"] == 1.0 for row in track)
    assert world.values("car0", trip.end)["ignition"] == 0.0


def test_odometers_rise_and_tanks_hold(make_world: Make) -> None:
    """Over a month an odometer never falls and the fuel stays between empty and full."""
    world = make_world()
    car = world.vehicles["car0"]
    rows = [world.values("car0", TUESDAY - 30 * DAY_MS + i * 30 * 60_000) for i in range(30 * 48)]
    odometers = [row["odometer"] or 0 for row in rows]
    assert all(b >= a for a, b in pairwise(odometers))
    assert all(0 < (row["fuel_level"] or 0) <= car.tank for row in rows)
