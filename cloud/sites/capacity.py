"""The most that a meter's branch can draw in an hour: from its rating, its transformers, or its class."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from contract.countable import RATED_MARGIN
from contract.profile import decimal_scale
from contract.register import RegisterType

if TYPE_CHECKING:
    from contract.meter import Meter
    from contract.site import Site

_PHASES, _VOLTS = 3, 230
_SECONDARY_AMPERES = 6.0
"""A meter behind transformers takes 1.5(6) or 5(6) A."""
_TRANSFORMER_KWH = 630.0
"""A distribution transformer of usual size: a meter may show the primary side by itself, so its ratio of 1 says nothing."""
_BY_CLASS = MappingProxyType({"energy_import": _TRANSFORMER_KWH, "energy_export": _TRANSFORMER_KWH, "volume": 250.0})
"""kWh an hour; m3 an hour of a large water meter (DN 150) or gas meter (G160)."""


class Capacity(NamedTuple):
    """Most in an hour, in the point's unit, and what it follows from: current_transformer, rated or class."""

    value: float
    source: str


def capacity(site: Site, meter: Meter) -> Capacity | None:
    """The most that a counting meter can count in an hour; None for a meter fed by hand, or of a point without a usual limit."""
    if meter.device is None or meter.point is None:
        return None
    if meter.rated is not None:
        return Capacity(RATED_MARGIN * meter.rated, "rated")
    device = site.device_by_id[meter.device]
    by_class = _BY_CLASS.get(meter.point)
    if by_class is None:
        return None
    if meter.point != "volume" and device.ct * device.pt > 1:
        return Capacity(_PHASES * _VOLTS * _SECONDARY_AMPERES * device.ct * device.pt / 1000, "current_transformer")
    return Capacity(by_class, "class")


def resolution(site: Site, meter: Meter) -> tuple[float | None, bool]:
    """The smallest step that a meter's profile states, in the point's unit, and whether it is a float32, whose steps grow."""
    if meter.device is None or meter.point is None:
        return None, False
    device = site.device_by_id[meter.device]
    mapped = device.model.points[meter.point]
    if mapped.written or mapped.type is RegisterType.FLOAT64:
        return None, False
    if mapped.type is RegisterType.FLOAT32:
        return None, True
    numerator, divisor = decimal_scale(mapped, meter.point, device.ct, device.pt)
    return numerator / divisor * mapped.smallest_step, False
