"""What devices say by themselves, as rows: values that can be believed, and the time at which the device says that it measured."""

from __future__ import annotations

import math
from collections.abc import Mapping

from contract.flag import add_flags
from contract.profile import plausible
from contract.reading import Row
from contract.site import Device
from contract.store import LATE_AFTER


def row(
    device: Device, at: int, values: Mapping[str, float], bad: Mapping[str, str] | None = None, *, received: int, judged: bool = True
) -> Row:
    """A row of the points that the device's profile has, those that are a bit of another one too.

    A value outside the plausible range is bad, with its reason.

    Args:
        device: Which speaks by itself.
        at: When it measured, as it says, ms since 1970; without a time of its own the time of receipt.
        values: By point.
        bad: Reasons of what could not be read, by point.
        received: When it came, ms since 1970 by the gateway's clock. What is older by more than `LATE_AFTER` goes as historical.
        judged: Whether its age may say that its clock is wrong; a time after its receipt says so in any case.
    """
    good: dict[str, float] = {}
    reasons = dict(bad or {})
    model = device.model
    for point, value in values.items():
        mapped = model.points.get(point)
        if mapped is None:
            continue
        low, high = plausible(mapped, point, device.ct, device.pt)
        if low <= value <= high:
            good[point] = value
        else:
            reasons[point] = f"not plausible: {value:g}" if math.isfinite(value) else "not a number"
    add_flags(model.flags, good)
    judged = (judged and model.arrives == "live" and at != received) or at > received
    at = at or 1  # a metric's time of 0 would be taken for none, and so for the time of sending
    return Row(device.id, at, good, reasons, late=received - at > LATE_AFTER * 1000, taken=received if judged else None)
