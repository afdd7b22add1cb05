"""A world for checks: every answer of a device is told apart from all others by its counters."""

from __future__ import annotations

from collections import Counter

from contract.point import POINTS, Kind
from contract.site import Site

_USUAL = {
    "voltage": 230.0,
    "frequency": 50.0,
    "setpoint": 20.0,
    "room_temperature": 21.0,
    "latitude": 32.43,
    "longitude": 105.84,
    "located": 1.0,
    "ignition": 1.0,
    "power_factor": 0.9,
    "status": 3.0,
}


class CountingWorld:
    """Serves counters that rise by one step with each answer and everything else constant.

    A step is 1 in the point's unit, 0.1 km for odometers, so each fits its register exactly.
    """

    def __init__(self, site: Site) -> None:
        """All devices begin at 0."""
        self._points = {d.id: tuple(d.model.points) for d in site.devices}
        self._answers: Counter[str] = Counter()

    def values(self, device_id: str, _at_ms: int) -> dict[str, float | None]:
        """The next answer of a device."""
        self._answers[device_id] += 1
        number = self._answers[device_id]
        return {point: _value(point, number) for point in self._points[device_id]}

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """Nothing can be written here: a check must not change what it checks."""
        raise KeyError(f"{device_id}: {point} stays as it is ({value:g} at {at_ms})")


def _value(point: str, number: int) -> float:
    if point == "odometer":
        return number / 10
    if POINTS[point].kind is Kind.COUNTER:
        return float(number)
    stem = point.removesuffix("_a").removesuffix("_b").removesuffix("_c")
    return _USUAL.get(point, _USUAL.get(stem, 0.0))
