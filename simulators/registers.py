"""From a reading to the registers that a device shows, and back from what is written to it; pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from contract import units
from contract.point import POINTS, Kind
from contract.profile import PointMap
from contract.register import RegisterType

_CODE = {
    RegisterType.UINT16: "H",
    RegisterType.INT16: "h",
    RegisterType.UINT32: "I",
    RegisterType.INT32: "i",
    RegisterType.UINT64: "Q",
    RegisterType.INT64: "q",
    RegisterType.FLOAT32: "f",
    RegisterType.FLOAT64: "d",
    RegisterType.BOOL: "H",
}
FLOATS = frozenset({RegisterType.FLOAT32, RegisterType.FLOAT64})
_SIGNED = frozenset({RegisterType.INT16, RegisterType.INT32, RegisterType.INT64})


def to_registers(value: float | None, mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> list[int] | None:
    """The registers that show `value` (in the point's unit), or None where the device has no way to say "no value".

    A counter rolls over as the device's does; anything else stops at the end of its register.
    """
    if value is None:
        return pack(float(mapped.invalid[0]), mapped) if mapped.invalid else None
    if mapped.modulus is not None:
        value %= mapped.modulus
    numerator, divisor = _scale(mapped, point, ct, pt)
    number = value * divisor / numerator
    if mapped.type not in FLOATS:
        number = float(_fit(math.floor(number + 0.5), mapped, POINTS[point].kind))
    return pack(number, mapped)


def shown(counters: NDArray[np.float64], mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> NDArray[np.float64]:
    """Counters as their registers show them, for long stretches at once: to_registers and from_registers in one."""
    numerator, divisor = _scale(mapped, point, ct, pt)
    numbers = (counters % mapped.modulus if mapped.modulus is not None else counters) * divisor / numerator
    if mapped.type is RegisterType.FLOAT32:
        numbers = numbers.astype(np.float32).astype(np.float64)
    elif mapped.type not in FLOATS:
        bits = 16 * mapped.type.registers
        low = -(1 << bits - 1) if mapped.type in _SIGNED else 0
        numbers = low + (np.floor(numbers + 0.5) - low) % float(1 << bits)
    return np.asarray(numbers * numerator / divisor, dtype=np.float64)


def _fit(number: int, mapped: PointMap, kind: Kind) -> int:
    if mapped.type is RegisterType.BOOL:
        return int(number != 0)
    bits = mapped.mask.bit_count() if mapped.mask else 16 * mapped.type.registers
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if mapped.type in _SIGNED and not mapped.mask else (0, (1 << bits) - 1)
    if kind is Kind.COUNTER:
        return low + (number - low) % (1 << bits)
    return min(max(number, low), high)


def pack(number: float, mapped: PointMap) -> list[int]:
    """A raw number as registers in the device's order; only the bits of the mask are set.

    Raises:
        ValueError: It does not fit the register type.
    """
    whole = number if mapped.type in FLOATS else math.floor(number)
    if mapped.mask is not None:
        whole = (int(whole) << shift(mapped.mask)) & mapped.mask
    try:
        data = struct.pack(">" + _CODE[mapped.type], whole)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{number:g} does not fit {mapped.type}") from error
    return words(reorder(data, mapped.order))


def from_registers(registers: Sequence[int], mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> float:
    """What a write of `registers` means, in the point's unit."""
    data = reorder(struct.pack(f">{len(registers)}H", *registers), mapped.order)
    number = float(struct.unpack(">" + _CODE[mapped.type], data)[0])
    if mapped.mask is not None:
        number = float((int(number) & mapped.mask) >> shift(mapped.mask))
    numerator, divisor = _scale(mapped, point, ct, pt)
    return number * numerator / divisor


def _scale(mapped: PointMap, point: str, ct: float, pt: float) -> tuple[float, float]:
    """(numerator, divisor) from raw to reading; by its own arithmetic, so that a fault of the reading side shows in tests."""
    ratio = {"ct": ct, "pt": pt, "ct_pt": ct * pt, None: 1.0}[mapped.ratio]
    exact = mapped.scale * units.factor(mapped.unit, POINTS[point].unit) * Decimal(str(ratio))
    numerator, divisor = exact.as_integer_ratio()
    return float(numerator), float(divisor)


def shift(mask: int) -> int:
    """How far the lowest bit of a mask stands from the right."""
    return (mask & -mask).bit_length() - 1


def words(data: bytes) -> list[int]:
    """Bytes as 16-bit registers, high byte first."""
    return list(struct.unpack(f">{len(data) // 2}H", data))


def reorder(data: bytes, order: str) -> bytes:
    """Bytes between big-endian (ABCD) and the device's order; the same function leads back."""
    pairs = [data[i : i + 2] for i in range(0, len(data), 2)]
    if order in {"BADC", "DCBA"}:
        pairs = [pair[::-1] for pair in pairs]
    if order in {"CDAB", "DCBA"}:
        pairs.reverse()
    return b"".join(pairs)
