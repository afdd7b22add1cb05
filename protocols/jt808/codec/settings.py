"""Between a point's value and the bytes of the parameter that holds it."""

from __future__ import annotations

import math

from contract.profile import engineering, raw
from protocols.jt808.codec.parameters import Parameter
from protocols.jt808.model import Device, Point


def parameter(device: Device, point: str, value: float) -> Parameter:
    """The parameter that makes a point have a value.

    Raises:
        ValueError: The profile names none, or the value is none that it can have.
    """
    mapped = device.model.points[point]
    if mapped.parameter is None:
        raise ValueError(f"the profile says no parameter by which {point} could be set")
    number = int(raw(value, mapped, point, device.ct, device.pt))
    try:
        data = number.to_bytes(mapped.parameter.bytes, "big", signed=mapped.type.signed)
    except OverflowError as error:
        raise ValueError(f"{point}: {value:g} does not fit {mapped.parameter.bytes} bytes") from error
    if not math.isclose(_value(device, mapped, point, data), value, abs_tol=1e-6):
        raise ValueError(f"{point}: {value:g} lies between two steps of the parameter")
    return Parameter(mapped.parameter.id, data)


def setting(device: Device, point: str, parameters: tuple[Parameter, ...]) -> float | None:
    """The value that a point has by what a terminal told; None where the terminal told nothing of it.

    Raises:
        ValueError: The terminal told it in another number of bytes than the profile says.
    """
    mapped = device.model.points[point]
    if mapped.parameter is None:
        return None
    data = next((one.data for one in parameters if one.id == mapped.parameter.id), None)
    if data is None:
        return None
    if len(data) != mapped.parameter.bytes:
        raise ValueError(f"{point}: expected {mapped.parameter.bytes} bytes of the parameter, the terminal sent {len(data)}")
    return _value(device, mapped, point, data)


def _value(device: Device, mapped: Point, point: str, data: bytes) -> float:
    return engineering(float(int.from_bytes(data, "big", signed=mapped.type.signed)), mapped, point, device.ct, device.pt)
