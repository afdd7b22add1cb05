"""Official cars: trips from the office and back, with position, speed, odometer and fuel at any time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from contract.site import Device
from simulators.world import calendar
from simulators.world.calendar import HOUR_MS
from simulators.world.chance import Lot
from simulators.world.roads import PLACES, Route

FIRST_DAY = calendar.day_number(2024)
"""Odometers stood at their starting value on this local day."""
TRIPS_PER_YEAR, KM_PER_YEAR, FLEET = 11_656, 1_200_000, 69
"""The emergency-support fleet's year."""
_PER_WORKDAY, _PER_FREE_DAY = 0.62, 0.13
"""Trips a car makes in a day; 248 working and 117 free days give the fleet's year."""
_SECOND = 0.10
_TANK = {"sedan": 55.0, "off_road": 80.0, "minibus": 75.0, "township": 60.0, "law_enforcement": 60.0}
_PER_100_KM = {"sedan": 7.8, "off_road": 11.2, "minibus": 10.6, "township": 9.0, "law_enforcement": 8.8}
_RESERVE = 0.18
_LATEST_HOUR = 23.4
_TOWN_KM = 7.0
"""A car slows to a stop about this often: towns, lights, bends."""
_CACHED_DAYS = 4


@dataclass(frozen=True, slots=True)
class Trip:
    """Out, a halt with the engine running, and back; times in ms since 1970, odometer (km) and fuel (L) at the start."""

    start: int
    leg: int
    halt: int
    route: Route
    odometer: float
    fuel: float

    @property
    def end(self) -> int:
        """When the engine is switched off, ms since 1970."""
        return self.start + 2 * self.leg + self.halt

    def place(self, at_ms: int) -> tuple[float, float, float]:
        """(km from the office, km driven, speed in km/h with minus on the way back)."""
        since = at_ms - self.start
        if since < self.leg:
            km, speed = self._drive(since / self.leg)
            return km, km, speed
        if since < self.leg + self.halt:
            return self.route.length, self.route.length, 0.0
        km, speed = self._drive(min((since - self.leg - self.halt) / self.leg, 1.0))
        return self.route.length - km, self.route.length + km, -speed

    def _drive(self, share: float) -> tuple[float, float]:
        """Distance (km) and speed (km/h) when `share` of a leg's time is over; the speed is the distance's derivative."""
        stops = max(1, round(self.route.length / _TOWN_KM))
        angle = 2 * math.pi * stops * share
        km = self.route.length * (share - math.sin(angle) / (2 * math.pi * stops))
        return km, self.route.length / (self.leg / HOUR_MS) * (1 - math.cos(angle))


@lru_cache(maxsize=8)
def routes(latitude: float, longitude: float) -> tuple[tuple[Route, ...], tuple[float, ...]]:
    """The routes and how often each is driven, so that the mean trip has the length that the fleet's year asks for."""
    ways = sorted((Route(p, latitude, longitude) for p in PLACES if p != "office"), key=lambda r: r.length)
    wanted = KM_PER_YEAR / TRIPS_PER_YEAR / 2
    low, high = -1.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        weights = [math.exp(middle * r.length) for r in ways]
        mean = sum(w * r.length for w, r in zip(weights, ways, strict=True)) / sum(weights)
        low, high = (middle, high) if mean < wanted else (low, middle)
    return tuple(ways), tuple(w / sum(weights) for w in weights)


@dataclass
class Vehicle:
    """One car and its terminal."""

    device: Device
    latitude: float
    longitude: float
    seed: int
    _days: dict[int, list[Trip]] = field(default_factory=dict)
    _starts: list[tuple[float, float]] = field(default_factory=list)

    @property
    def _kind(self) -> str:
        return self.device.vehicle.kind if self.device.vehicle else "sedan"

    @property
    def tank(self) -> float:
        """Litres when full."""
        return _TANK[self._kind]

    @cached_property
    def litres_per_km(self) -> float:
        """Fuel of this car."""
        return _PER_100_KM[self._kind] / 100.0 * (0.92 + 0.16 * self._draw("thirst"))

    @cached_property
    def _draw(self) -> Callable[..., float]:
        return Lot(self.seed, "car", self.device.id).draw

    def trips(self, day: int) -> list[Trip]:
        """The trips that start on a local day."""
        if day not in self._days:
            while len(self._days) >= _CACHED_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = self._plan(day, *self._start(day))
        return self._days[day]

    def _start(self, day: int) -> tuple[float, float]:
        """Odometer (km) and fuel (L) at the start of a local day."""
        if not self._starts:
            self._starts.append((15_000.0 + 120_000.0 * self._draw("odometer"), self.tank * (0.4 + 0.6 * self._draw("fuel"))))
        while len(self._starts) <= day - FIRST_DAY:
            odometer, fuel = self._starts[-1]
            for trip in self._plan(FIRST_DAY + len(self._starts) - 1, odometer, fuel):
                odometer = trip.odometer + 2 * trip.route.length
                fuel = trip.fuel - 2 * trip.route.length * self.litres_per_km
            self._starts.append((odometer, fuel))
        return self._starts[max(day - FIRST_DAY, 0)]

    def _plan(self, day: int, odometer: float, fuel: float) -> list[Trip]:
        if day < FIRST_DAY:
            return []
        mean = _PER_WORKDAY if calendar.is_workday(day) else _PER_FREE_DAY
        luck = self._draw("trips", day)
        count = 2 if luck < mean * _SECOND / 2 else 1 if luck < mean * (1 - _SECOND / 2) else 0
        if not count:  # most days of most cars, for years
            return []
        found: list[Trip] = []
        hour = 7.6 + (1.0 if count > 1 else 5.0) * self._draw("hour", day)
        for index in range(count):
            route = self._destination(day, index)
            need = 2 * route.length * self.litres_per_km
            fuel = self.tank if fuel - need < _RESERVE * self.tank else fuel
            leg = route.length / min(38.0 + 0.14 * route.length, 56.0)
            halt = (5 + 18 * self._draw("halt", day, index)) / 60.0
            hour = min(hour, _LATEST_HOUR - 2 * leg - halt)
            start = calendar.day_start_ms(day) + int(hour * HOUR_MS)
            found.append(Trip(start, int(leg * HOUR_MS), int(halt * HOUR_MS), route, odometer, fuel))
            odometer, fuel = odometer + 2 * route.length, fuel - need
            if index + 1 < count:
                hour = max(hour + 2 * leg + halt + 0.5, 14.0) + 0.7 * self._draw("second", day)
        # a day that is too full for its last trip does without it
        return [t for i, t in enumerate(found) if i == 0 or t.start > found[i - 1].end]

    def _destination(self, day: int, index: int) -> Route:
        ways, weights = routes(self.latitude, self.longitude)
        left = self._draw("where", day, index)
        for way, weight in zip(ways, weights, strict=True):
            left -= weight
            if left < 0:
                return way
        return ways[-1]

    def burnt(self, start_ms: int, end_ms: int) -> float:
        """Litres used between two times: what a month's fuel card would say."""
        return (self._odometer(end_ms) - self._odometer(start_ms)) * self.litres_per_km

    def _odometer(self, at_ms: int) -> float:
        return self.values(at_ms)["odometer"] or 0.0

    def values(self, at_ms: int) -> dict[str, float | None]:
        """Every point of a terminal: degrees, km/h, km, L."""
        day = calendar.local_day(at_ms)
        trips = self.trips(day)
        trip = next((t for t in trips if t.start <= at_ms < t.end), None)
        latitude, longitude = self.latitude + 0.0006 * (self._draw("lat") - 0.5), self.longitude + 0.0006 * (self._draw("lon") - 0.5)
        odometer, fuel = self._start(day)
        for past in trips:
            if past.end <= at_ms:
                odometer, fuel = past.odometer + 2 * past.route.length, past.fuel - 2 * past.route.length * self.litres_per_km
        speed, course = 0.0, 360.0 * self._draw("parked")
        if trip:
            away, driven, speed = trip.place(at_ms)
            latitude, longitude, course = trip.route.position(away)
            course = (course + 180.0) % 360.0 if speed < 0 else course
            odometer, fuel = trip.odometer + driven, trip.fuel - driven * self.litres_per_km
        return {
            "latitude": latitude,
            "longitude": longitude,
            "altitude": 485.0 + 260.0 * abs(latitude - self.latitude),
            "speed": abs(speed),
            "course": course,
            "located": 1.0,
            "ignition": float(trip is not None),
            "odometer": odometer,
            "fuel_level": fuel,
            "satellites": 9.0 + int(7 * self._draw("satellites", at_ms // 60_000)),
            "signal": 18.0 + int(12 * self._draw("signal", at_ms // 60_000)),
            "emergency_alarm": 0.0,
            "overspeed_alarm": 0.0,
            "alarms": 0.0,
            # JT/T 808 status: bit 0 engine on, bit 1 located
            "status": 2.0 + (trip is not None),
        }
