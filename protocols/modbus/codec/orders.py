"""Which order of bytes and words would make sense of a number that makes none; pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from contract.profile import decimal_scale, plausible, raw
from contract.reading import Row
from protocols.modbus.codec import numbers
from protocols.modbus.model import Device, Point

_ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
_SMALL, _LARGE = 1e-3, 1e6
"""Between these lies nearly all that a device measures, in any unit; a number in a wrong order seldom does."""


def hint(number: float, mapped: Point, scale: tuple[float, float], limits: tuple[float, float]) -> str:
    """Such as `with order CDAB it would be 230.1`; empty where no other order gives a usual and plausible value.

    Args:
        number: Raw, as the profile's order reads it.
        mapped: Where the point stands.
        scale: (numerator, divisor) that make a raw number a value.
        limits: Smallest and largest value that is plausible.
    """
    for order, other in _others(number, mapped):
        value = other * scale[0] / scale[1]
        if limits[0] <= value <= limits[1] and _usual(value):
            return f"with order {order} it would be {value:g}"
    return ""


def hints(device: Device, row: Row) -> dict[str, str]:
    """The same for each good value of a device that is as unusual as a number in a wrong order mostly is."""
    found = {}
    for point, value in row.values.items():
        mapped, ratios = device.model.points[point], (device.ct, device.pt)
        if value and not _usual(value):
            number = raw(value, mapped, point, *ratios)
            found[point] = hint(number, mapped, decimal_scale(mapped, point, *ratios), plausible(mapped, point, *ratios))
    return {point: text for point, text in found.items() if text}


def _usual(value: float) -> bool:
    return _SMALL <= abs(value) < _LARGE


def _others(number: float, mapped: Point) -> Iterator[tuple[str, float]]:
    """(order, raw number) for each other order; none for a number that is made of parts."""
    if mapped.mask is not None or mapped.fraction is not None or mapped.scale_register is not None:
        return
    try:
        data = numbers.ordered(numbers.written(number, mapped.type), mapped.order)
    except (struct.error, OverflowError, ValueError):
        return  # it is no number of this type, so no order makes it one
    for order in _ORDERS:
        if numbers.ordered(data, order) != numbers.ordered(data, mapped.order):
            try:
                yield order, numbers.read(data, mapped.type, order)
            except numbers.NoNumberError:
                continue
