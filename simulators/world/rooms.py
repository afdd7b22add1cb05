"""Meeting rooms: a seeded calendar of meetings, and central control that follows it until somebody touches it."""

from __future__ import annotations

from contract.profile import Profile
from simulators.world import calendar, states
from simulators.world.calendar import HOUR_MS
from simulators.world.chance import draw
from simulators.world.written import Written

_SLOTS = (8.8, 14.4)
"""Earliest start of the morning's and of the afternoon's meeting, local hours."""
_PER_SLOT = 0.24
"""6 rooms, 2 slots and 248 working days make a bit over 700 meetings a year."""
_SEATS = 100


def meetings(seed: int, device: str, day: int) -> list[tuple[int, int, int]]:
    """(start ms, end ms, people) of a room's meetings of a local day."""
    if not calendar.is_workday(day):
        return []
    found = []
    for slot, earliest in enumerate(_SLOTS):
        if draw(seed, device, "meeting", day, slot) < _PER_SLOT:
            start = earliest + 0.25 * int(4 * draw(seed, device, "start", day, slot))
            long = 0.75 + 0.25 * int(8 * draw(seed, device, "long", day, slot))
            people = 8 + int((_SEATS - 8) * draw(seed, device, "people", day, slot) ** 1.6)
            midnight = calendar.day_start_ms(day)
            found.append((midnight + int(start * HOUR_MS), midnight + int((start + long) * HOUR_MS), people))
    return found


def values(profile: Profile, device: str, seed: int, written: Written, at_ms: int) -> dict[str, float | None]:
    """The points of a room; a write holds until the next meeting begins or ends."""
    day = calendar.local_day(at_ms)
    today = meetings(seed, device, day)
    people = next((p for start, end, p in today if start <= at_ms < end), 0)
    changed = max([calendar.day_start_ms(day), *(t for start, end, _ in today for t in (start, end) if t <= at_ms)])
    busy = people > 0

    def held(point: str, untouched: float) -> float:
        last = written.last(device, point, at_ms)
        return last[1] if last and last[0] >= changed else untouched

    def switch(point: str) -> float:
        return held(point, states.number(profile, point, "on" if busy else "off", default=float(busy)))

    scene = ("meeting", "presentation", "on") if busy else ("off", "standby", "idle")
    return {
        "occupied": states.number(profile, "occupied", "occupied" if busy else "empty", "yes" if busy else "no", default=float(busy)),
        "people": float(people),
        "on": switch("on"),
        "lights": switch("lights"),
        "screen": switch("screen"),
        "scene": held("scene", states.number(profile, "scene", *scene, default=float(busy))),
        "co2": 440.0 + 6.0 * people,
        "room_temperature": 23.0 + 0.02 * people,
        "power": (180.0 + 25.0 * people if busy else 40.0),
    }
