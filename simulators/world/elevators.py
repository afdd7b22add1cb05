"""Elevator cars: seeded calls, stops only where the car may stop, and counters that latch each stop."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from contract.operation import Car, ElevatorGroup, minute_of_day
from contract.profile import Profile
from contract.workdays import Workdays
from simulators.world import calendar, states
from simulators.world.calendar import HOUR_MS
from simulators.world.chance import draw, draws, key
from simulators.world.written import Written

FIRST_DAY = calendar.day_number(2025)
"""The counters were set to their starting values on this local day."""
_PER_FLOOR_MS = 2_600
_START_MS = 3_000
_DWELL_MS = 9_000
_DOOR_MS = 2_000
_AHEAD_MS = 8 * 60_000
"""A window is kept from this long before it begins, so that no car stands elsewhere when it does."""
_CALLS = {True: 110, False: 9}
_HOURS = (6.8, 21.5)
_RUSH = ((7.9, 8.9), (11.8, 12.4), (13.8, 14.4), (17.5, 18.4))
_CACHED_DAYS = 4
_FLOORS = 32


class Stop(NamedTuple):
    """A stop at a floor; ms since 1970 of leaving the last floor, opening here, and shutting the door again."""

    left: int
    arrived: int
    shut: int
    origin: int
    floor: int


@dataclass
class Elevator:
    """One car of a group."""

    group: ElevatorGroup
    car: Car
    floors: int
    profile: Profile
    seed: int
    written: Written
    workdays: Workdays = field(default_factory=Workdays)
    _days: dict[int, list[Stop]] = field(default_factory=dict)
    _totals: list[list[int]] = field(default_factory=list)
    _open: tuple[int, list[tuple[int, int]]] = field(default=(FIRST_DAY - 1, []))

    def forget(self, at_ms: int) -> None:
        """Something was written: trips from that day on may differ."""
        day = calendar.local_day(at_ms)
        self._days = {d: stops for d, stops in self._days.items() if d < day}
        del self._totals[max(day - FIRST_DAY + 1, 0) :]

    def in_window(self, start_ms: int, end_ms: int) -> bool:
        """Whether a window of the group holds at any time between the two."""
        for opens, closes in self._windows(calendar.local_day(start_ms)):  # noqa: SIM110 (each call of two years asks; a generator takes twice as long)
            if start_ms < closes and end_ms >= opens:
                return True
        return False

    def _windows(self, day: int) -> list[tuple[int, int]]:
        """When the windows of a local day open and close; kept of the day that was asked for last, since each call of it asks."""
        if day != self._open[0]:
            midnight, works = calendar.day_start_ms(day), calendar.local_date(day) in self.workdays
            holding = [window for window in self.group.windows if works or window.days != "workdays"]
            self._open = day, [(midnight + _clock_ms(one.start), midnight + _clock_ms(one.end)) for one in holding]
        return self._open[1]

    def parity(self, at_ms: int, ahead_ms: int = 0) -> int:
        """0 every floor, 1 odd, 2 even, as written last or as the windows say."""
        last = self.written.last(self.car.device, "parity", at_ms)
        if last:
            return int(last[1])
        return {"odd": 1, "even": 2, "all": 0}[self.car.parity] if self.in_window(at_ms, at_ms + ahead_ms) else 0

    def allowed(self, at_ms: int, ahead_ms: int = 0) -> list[int]:
        """Floors where the car may stop from now until `ahead_ms` later."""
        last = self.written.last(self.car.device, "parity", at_ms)
        if last is None:
            return self._own if self.car.parity != "all" and self.in_window(at_ms, at_ms + ahead_ms) else self._every
        wanted = {1: 1, 2: 0}.get(int(last[1]))
        return [f for f in self._every if wanted is None or f % 2 == wanted or f in self.group.common_floors]

    @cached_property
    def _every(self) -> list[int]:
        return list(range(1, self.floors + 1))

    @cached_property
    def _own(self) -> list[int]:
        return sorted({*self.car.served, *self.group.common_floors})

    def stops(self, day: int) -> list[Stop]:
        """All stops of a local day in order; the car stands at its home floor before and after."""
        if day not in self._days:
            while len(self._days) >= _CACHED_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = self._ride(day)
        return self._days[day]

    @cached_property
    def home(self) -> int:
        """Where the car waits."""
        return min(self.group.common_floors or self.car.served or [1])

    def _ride(self, day: int) -> list[Stop]:
        if day < FIRST_DAY:
            return []
        found: list[Stop] = []
        at, free = self.home, 0
        for call, wish in self._calls(day):
            begin = max(call, free)
            for floor in self._wishes(wish, self.allowed(begin, _AHEAD_MS)):
                if floor == at:
                    continue
                arrived = begin + _START_MS + _PER_FLOOR_MS * abs(floor - at)
                found.append(Stop(begin, arrived, arrived + _DWELL_MS, at, floor))
                at, begin = floor, arrived + _DWELL_MS
            free = begin
        return found

    def _calls(self, day: int) -> list[tuple[int, tuple[float, ...]]]:
        """When somebody calls the car (ms since 1970), and the chance that decides the ride; empty where the car is sent home.

        It is sent home before each window and at night.
        """
        midnight = calendar.day_start_ms(day)
        count = int(_CALLS[calendar.local_date(day) in self.workdays] * (0.8 + 0.4 * draw(self.seed, self.car.device, "calls", day)))
        of = key(self.seed, self.car.device, "rides")
        luck = draws(of, day * 4096 + np.arange(count * 5, dtype=np.int64)).reshape(count, 5).tolist()
        times: list[tuple[int, tuple[float, ...]]] = []
        for i, (rush, when, *wish) in enumerate(luck):
            first, last = _RUSH[i % len(_RUSH)] if rush < 0.5 else _HOURS  # noqa: PLR2004 (half of all calls)
            times.append((midnight + int((first + (last - first) * when) * HOUR_MS), tuple(wish)))
        times += [(midnight + _clock_ms(w.start) - _AHEAD_MS // 2, ()) for w in self.group.windows]
        return sorted([*times, (midnight + 22 * HOUR_MS, ())])

    def _wishes(self, wish: tuple[float, ...], allowed: list[int]) -> list[int]:
        """From where to where: most rides begin or end at the home floor."""
        if not wish:
            return [self.home]
        where = [allowed[int(len(allowed) * share)] for share in wish[:2]]
        if wish[2] < 0.7:  # noqa: PLR2004 (rides to or from the entrance)
            where[int(wish[2] * 100) % 2] = self.home
        return where

    def counters(self, at_ms: int) -> list[int]:
        """Latched stops by floor, index 0 for floor 1."""
        day = calendar.local_day(at_ms)
        if not self._totals:
            self._totals.append(
                [int(4000 * draw(self.seed, self.car.device, "counter", f)) if f < self.floors else 0 for f in range(_FLOORS)]
            )
        while len(self._totals) <= day - FIRST_DAY:
            total = list(self._totals[-1])
            for stop in self.stops(FIRST_DAY + len(self._totals) - 1):
                total[stop.floor - 1] += 1
            self._totals.append(total)
        total = list(self._totals[max(day - FIRST_DAY, 0)])
        for stop in self.stops(day):
            if stop.arrived <= at_ms:
                total[stop.floor - 1] += 1
        return total

    def values(self, at_ms: int) -> dict[str, float | None]:
        """Every point of a car's map."""
        stops = self.stops(calendar.local_day(at_ms))
        index = bisect.bisect_right(stops, at_ms, key=lambda s: s.left) - 1
        now = stops[index] if index >= 0 else Stop(0, 0, 0, self.home, self.home)
        arrived = [s.floor for s in stops[: index + 1] if s.arrived <= at_ms]
        counters = self.counters(at_ms)
        moving = at_ms < now.arrived
        is_open = now.arrived + _DOOR_MS // 2 <= at_ms < now.shut - _DOOR_MS // 2
        values: dict[str, float | None] = {f"stops_{floor + 1:02d}": float(count) for floor, count in enumerate(counters)}
        return values | {
            "floor": float(_passing(now, at_ms)),
            "direction": (1.0 if now.floor > now.origin else 2.0) if moving else 0.0,
            "door": states.number(self.profile, "door", "open" if is_open else "closed", default=float(is_open)),
            "load": float(int(8 + 50 * draw(self.seed, self.car.device, "load", now.left))) if at_ms < now.shut else 0.0,
            "last_stop": float(arrived[-1] if arrived else self.home),
            "stops": float(sum(counters)),
            "parity": float(self.parity(at_ms)),
            "mode": states.number(self.profile, "mode", "normal", "auto"),
            "fault": states.number(self.profile, "fault", "none", "normal", "ok"),
            "on": states.number(self.profile, "on", "on", "running", default=1.0),
            "running_hours": sum(counters) * 12.0,
        }


def _clock_ms(text: str) -> int:
    return minute_of_day(text) * 60_000


def _passing(stop: Stop, at_ms: int) -> int:
    """The floor that the car stands at or passes."""
    if at_ms >= stop.arrived:
        return stop.floor
    done = (at_ms - stop.left) / max(stop.arrived - stop.left, 1)
    return round(stop.origin + (stop.floor - stop.origin) * done)
