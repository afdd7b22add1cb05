"""Conditioned zones: a room temperature that follows switch, set-point, fan, people and weather."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from contract.profile import Profile
from simulators.world import calendar, states, weather
from simulators.world.calendar import DAY_MS, HOUR_MS
from simulators.world.chance import Floats, draw
from simulators.world.occupancy import occupancy
from simulators.world.written import Written

_STEP_H = 1 / 6
_STEPS = 144
"""Steps of ten minutes in a day."""
_WARM_UP_DAYS = 2
"""The walls forget in 9 h, so what the room was two days before does not matter."""
_WALL_H = 9.0
_GAIN = 0.75
"""K/h that people, lamps and sun add to a full room."""
_PLANT = 6.5
"""K/h of the plant at full fan."""
_FANS = {"high": 1.0, "top": 1.0, "medium": 0.8, "mid": 0.8, "low": 0.55, "auto": 0.9}
_CACHED_DAYS = 6


@dataclass(frozen=True, slots=True)
class Control:
    """What a zone's switch is set to; set-point in degC, fan as share of full."""

    on: bool
    mode: str
    fan: float
    setpoint: float


@dataclass
class Zone:
    """One switch and its room."""

    device: str
    profile: Profile
    seed: int
    written: Written
    _days: dict[int, Floats] = field(default_factory=dict)

    def forget(self) -> None:
        """Something was written: integrate again; what lies before the write comes out the same."""
        self._days.clear()

    def raw(self, point: str, at_ms: int) -> float:
        """The raw state or the set-point (degC) of a point that can be written."""
        last = self.written.last(self.device, point, at_ms)
        return last[1] if last else self._untouched(point, at_ms)

    def _untouched(self, point: str, at_ms: int) -> float:
        day = calendar.local_day(at_ms)
        season = _season(day)
        if point == "on":
            start = 7.4 + 0.6 * draw(self.seed, self.device, "start")
            end = 17.7 + 1.2 * draw(self.seed, self.device, "end")
            needed = season != "fan" and calendar.is_workday(day) and start <= calendar.local_hour(at_ms) < end
            return states.number(self.profile, "on", "on" if needed else "off", default=float(needed))
        if point == "mode":
            return states.number(self.profile, "mode", season, "auto")
        if point == "fan":
            return states.number(self.profile, "fan", ("auto", "medium", "high")[int(3 * draw(self.seed, self.device, "fan"))], "auto")
        if point == "setpoint":
            # some rooms are set beyond the rule of 26 and 20 degC, as in any house
            beyond = (0.0, 0.0, 0.5, 1.0, 2.0)[int(5 * draw(self.seed, self.device, "setpoint"))]
            return 20.0 + beyond if season == "heat" else 26.0 - beyond
        return states.number(self.profile, point, "unlocked", "off", "none", "normal")

    def control(self, at_ms: int) -> Control:
        """What holds at a time."""
        mode = (
            states.word(self.profile, "mode", self.raw("mode", at_ms))
            if "mode" in self.profile.points
            else _season(calendar.local_day(at_ms))
        )
        fan = states.word(self.profile, "fan", self.raw("fan", at_ms)) if "fan" in self.profile.points else "auto"
        on = states.is_on(self.profile, self.raw("on", at_ms)) if "on" in self.profile.points else self._untouched("on", at_ms) != 0
        return Control(on, mode, _FANS.get(fan, 0.85), self.raw("setpoint", at_ms))

    def temperature(self, at_ms: int) -> float:
        """Room temperature in degC."""
        day = calendar.local_day(at_ms)
        place = (at_ms - calendar.day_start_ms(day)) / (_STEP_H * HOUR_MS)
        course = self._course(day)
        return float(np.interp(place, np.arange(_STEPS + 1), course))

    def _course(self, day: int) -> Floats:
        if day not in self._days:
            while len(self._days) >= _CACHED_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = self._integrate(day)
        return self._days[day]

    def _integrate(self, day: int) -> Floats:
        """The day's temperature at each step, both ends included."""
        first = day - _WARM_UP_DAYS
        hours: Floats = first * 24.0 + np.arange((_WARM_UP_DAYS + 1) * _STEPS + 1, dtype=np.float64) * np.float64(_STEP_H)
        outdoor = weather.temperature(self.seed, hours)
        people = occupancy(hours)
        orientation = 0.7 + 0.6 * draw(self.seed, self.device, "sun")
        now = 0.5 * float(outdoor[:_STEPS].mean()) + 11.0
        course = [now]
        for i in range(len(hours) - 1):
            control = self.control(calendar.day_start_ms(first) + int(i * _STEP_H * HOUR_MS))
            drift = (float(outdoor[i]) + 2.0 - now) / _WALL_H + _GAIN * orientation * float(people[i])
            now += _STEP_H * (drift + _plant(control, now))
            course.append(now)
        return np.array(course[-_STEPS - 1 :])

    def values(self, at_ms: int) -> dict[str, float | None]:
        """All points that a fan-coil switch may have."""
        hours = np.array([(at_ms + calendar.ZONE_MS) / HOUR_MS])
        control, room = self.control(at_ms), self.temperature(at_ms)
        outdoor = float(weather.temperature(self.seed, hours)[0])
        effort = _plant(control, room) / _PLANT
        speed = ("high" if abs(effort) > 0.7 else "medium" if abs(effort) > 0.35 else "low") if control.on else "off"  # noqa: PLR2004 (thirds)
        return {
            **{p: self.raw(p, at_ms) for p in ("on", "mode", "fan", "lock", "setpoint")},
            "fan_actual": states.number(self.profile, "fan_actual", speed, "low", "on"),
            "valve": states.number(self.profile, "valve", "open" if effort else "closed", default=float(effort != 0)),
            "fault": states.number(self.profile, "fault", "none", "normal", "ok"),
            "room_temperature": room,
            "supply_temperature": room + 9.0 * effort,
            "outdoor_temperature": outdoor,
            "speed_percent": 100.0 * control.fan if control.on else 0.0,
        }


def _season(day: int) -> str:
    month = calendar.local_date(day).month
    return "cool" if 5 <= month <= 9 else "heat" if month in {11, 12, 1, 2, 3} else "fan"  # noqa: PLR2004 (months)


def _plant(control: Control, room: float) -> float:
    """K/h that the plant adds; negative when it cools."""
    if not control.on:
        return 0.0
    wanted = max(-1.0, min(1.0, (control.setpoint - room) / 1.2))
    if control.mode.startswith(("cool", "dry")):
        wanted = min(wanted, 0.0)
    elif control.mode.startswith("heat"):
        wanted = max(wanted, 0.0)
    elif not control.mode.startswith("auto"):
        wanted = 0.0
    return _PLANT * control.fan * wanted


def fresh_air(profile: Profile, device: str, seed: int, written: Written, at_ms: int) -> dict[str, float | None]:
    """A fresh-air machine: CO2 (ppm) falls with the air it brings, its filter (Pa) fills in a quarter of a year."""
    hours = np.array([(at_ms + calendar.ZONE_MS) / HOUR_MS])
    here, outdoor = float(occupancy(hours)[0]), float(weather.temperature(seed, hours)[0])
    day = calendar.local_day(at_ms)
    needed = calendar.is_workday(day) and 7.5 <= calendar.local_hour(at_ms) < 18.5  # noqa: PLR2004 (opening hours)
    last = {p: written.last(device, p, at_ms) for p in ("on", "speed_percent", "setpoint", "mode", "fan", "lock")}
    on = last["on"][1] if last["on"] else states.number(profile, "on", "on" if needed else "off", default=float(needed))
    speed = last["speed_percent"][1] if last["speed_percent"] else 65.0
    air = speed / 100.0 * states.is_on(profile, on)
    used = ((at_ms + draw(seed, device, "filter") * 90 * DAY_MS) % (90 * DAY_MS)) / (90 * DAY_MS)
    setpoint = last["setpoint"][1] if last["setpoint"] else 20.0
    return {
        "on": on,
        "speed_percent": speed,
        "setpoint": setpoint,
        "mode": last["mode"][1] if last["mode"] else states.number(profile, "mode", "auto", "fan"),
        "fan": last["fan"][1] if last["fan"] else states.number(profile, "fan", "auto", "medium"),
        "lock": last["lock"][1] if last["lock"] else states.number(profile, "lock", "unlocked", "off"),
        "fan_actual": states.number(profile, "fan_actual", "medium" if air else "off", "low"),
        "fault": states.number(profile, "fault", "none", "normal", "ok"),
        "co2": 425.0 + 900.0 * here / (0.6 + 2.0 * air) + 12.0 * draw(seed, device, at_ms // 60_000),
        "filter_pressure": (60.0 + 140.0 * used) * air**1.8,
        "supply_temperature": outdoor + (setpoint - outdoor) * 0.7 * (air > 0),
        "room_temperature": 22.0 + (outdoor - 16.0) * 0.15 + 0.8 * here,
        "outdoor_temperature": outdoor,
    }
