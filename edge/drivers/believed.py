"""What devices say by themselves, as rows: values that can be believed, and a time that can be true."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.jt808 import fix
from contract.jt808.location import Location
from contract.point import POINTS
from contract.reading import Row
from contract.site import Device
from contract.store import LATE_AFTER

_PLACE = ("latitude", "longitude")
"""Without a time a place is worth nothing: it would draw a track that was never driven."""


def possible(at: int | None, received: int) -> bool:
    """Whether a measurement can have been made at `at`: not in the future, and not before a clock that lost its battery was set."""
    return at is not None and received - fix.BEHIND_MS <= at <= received + fix.AHEAD_MS


def row(device: Device, at: int, values: Mapping[str, float], bad: Mapping[str, str] | None = None, *, late: bool = False) -> Row:
    """A row of the points that the device's profile has; a value outside the plausible range is bad, with its reason."""
    good: dict[str, float] = {}
    reasons = dict(bad or {})
    for point, value in values.items():
        if point not in device.model.points:
            continue
        low, high = POINTS[point].plausible
        if low <= value <= high:
            good[point] = value
        else:
            reasons[point] = f"not plausible: {value:g}" if math.isfinite(value) else "not a number"
    return Row(device.id, at, good, reasons, late=late)


def position(device: Device, location: Location, received: int, *, stored: bool = False) -> Row:
    """A vehicle's fix with its own time; one whose time cannot be true gets the time of receipt and loses its place.

    Args:
        device: The vehicle.
        location: Its fix.
        received: When it came, ms since 1970.
        stored: Whether it came in a 0x0704, by which a terminal says that it could not send it in time: an old one is late.
            A single fix that is old shows that the terminal's clock is wrong. Some terminals send all fixes as 0x0704, so a
            fresh one is live there too.
    """
    values = fix.readings_of(location)
    at = fix.trusted_time(location, received)
    if at is None:
        return row(device, received, {point: value for point, value in values.items() if point not in _PLACE})
    return row(device, at, values, late=stored and received - at > LATE_AFTER * 1000)


def identity(phone: str) -> str:
    """A terminal's phone without the zeros that pad it, since terminals and site files pad differently."""
    return phone.lower().lstrip("0")
