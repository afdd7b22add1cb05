"""What devices say by themselves, as rows: values that can be believed, and the time at which the device says that it measured."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.jt808 import fix
from contract.jt808.location import Location
from contract.profile import plausible
from contract.reading import Row
from contract.site import Device
from contract.store import LATE_AFTER


def row(device: Device, at: int, values: Mapping[str, float], bad: Mapping[str, str] | None = None, *, late: bool = False) -> Row:
    """A row of the points that the device's profile has; a value outside the plausible range is bad, with its reason."""
    good: dict[str, float] = {}
    reasons = dict(bad or {})
    for point, value in values.items():
        if point not in device.model.points:
            continue
        low, high = plausible(device.model.points[point], point, device.ct, device.pt)
        if low <= value <= high:
            good[point] = value
        else:
            reasons[point] = f"not plausible: {value:g}" if math.isfinite(value) else "not a number"
    return Row(device.id, at, good, reasons, late=late)


def position(device: Device, location: Location, received: int, *, stored: bool = False) -> Row | None:
    """A vehicle's fix at its own time, whatever that is worth; None without a date, since nobody knows when it was measured.

    A time that cannot be true goes live, so that the cloud doubts it where it stands; it is never replaced by the time of receipt.

    Args:
        device: The vehicle.
        location: Its fix.
        received: When it came, ms since 1970.
        stored: Whether it came in a 0x0704, by which a terminal says that it could not send it in time: an old one is late.
            A single fix that is old shows that the terminal's clock is wrong. Some terminals send all fixes as 0x0704, so a
            fresh one is live there too.
    """
    at = location.at()
    if at is None:
        return None
    late = stored and fix.trusted_time(location, received) is not None and received - at > LATE_AFTER * 1000
    return row(device, at, fix.readings_of(location), late=late)
