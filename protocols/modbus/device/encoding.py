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
from contract.register import RegisterType
from protocols.modbus.model import Point
from protocols.modbus.model.forms import Fraction, ScaleRegister

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
_EXPONENT = -1
_FACTOR = 10
"""What a simulated device's scale register holds; one that cannot be negative holds 1 as exponent."""


def placed(value: float | None, mapped: Point, point: str, ct: float = 1.0, pt: float = 1.0) -> dict[int, int] | None:
    """Every register that shows `value` (in the point's unit), by address; None where the device has no way to say "no value".

    A counter rolls over as the device's does; anything else stops at the end of its register.
    """
    if value is None:
        return _at(mapped.address or 0, pack(float(mapped.invalid[0]), mapped)) if mapped.invalid else None
    if mapped.modulus is not None:
        value %= mapped.modulus
    numerator, divisor = _scale(mapped, point, ct, pt)
    number = value * divisor / numerator
    kind = POINTS[point].kind
    found: dict[int, int] = {}
    if mapped.fraction is not None:
        parts = _parts(mapped.fraction)
        whole, part = divmod(math.floor(number * parts + 0.5), parts)
        number = float(whole)
        found |= _at(mapped.fraction.address, reordered(part, mapped.fraction.type, mapped.order))
    if mapped.scale_register is not None:
        held = _held(mapped.scale_register)
        number /= _worth(mapped.scale_register)
        shifted = held << shift(mapped.scale_register.mask) if mapped.scale_register.mask else held
        found |= _at(mapped.scale_register.address, reordered(shifted, mapped.scale_register.type, mapped.order))
    if not mapped.type.floating:
        number = float(_fit(math.floor(number + 0.5), mapped, kind))
    return found | _at(mapped.address or 0, pack(number, mapped))


def to_registers(value: float | None, mapped: Point, point: str, ct: float = 1.0, pt: float = 1.0) -> list[int] | None:
    """The same of a point that stands in one place, as its registers in their order."""
    found = placed(value, mapped, point, ct, pt)
    return None if found is None else [word for _, word in sorted(found.items())]


def _at(address: int, registers: Sequence[int]) -> dict[int, int]:
    return {address + number: word for number, word in enumerate(registers)}


def _parts(fraction: Fraction) -> int:
    """How many steps of a fraction make a whole."""
    numerator, denominator = fraction.scale.as_integer_ratio()
    return round(denominator / numerator)


def _held(register: ScaleRegister) -> int:
    if register.holds == "factor":
        return _FACTOR
    return _EXPONENT if register.type.signed and register.mask is None else 1


def _worth(register: ScaleRegister) -> float:
    """What one step of a number is worth beside what the scale register holds."""
    return float(_FACTOR) if register.holds == "factor" else 10.0 ** _held(register)


def shown(counters: NDArray[np.float64], mapped: Point, point: str, ct: float = 1.0, pt: float = 1.0) -> NDArray[np.float64]:
    """Counters as their registers show them, for long stretches at once: to_registers and from_registers in one."""
    numerator, divisor = _scale(mapped, point, ct, pt)
    numbers = (counters % mapped.modulus if mapped.modulus is not None else counters) * divisor / numerator
    parts = float(_parts(mapped.fraction)) if mapped.fraction is not None else 1.0
    worth = _worth(mapped.scale_register) if mapped.scale_register is not None else 1.0
    numbers = numbers / worth
    if mapped.type is RegisterType.FLOAT32:
        numbers = numbers.astype(np.float32).astype(np.float64)
    elif not mapped.type.floating:
        low = -(mapped.type.numbers // 2) if mapped.type.signed else 0
        numbers = (low + (np.floor(numbers * parts + 0.5) - low) % (mapped.type.numbers * parts)) / parts
    return np.asarray(numbers * worth * numerator / divisor, dtype=np.float64)


def _fit(number: int, mapped: Point, kind: Kind) -> int:
    if mapped.type is RegisterType.BOOL:
        return int(number != 0)
    count = 1 << mapped.mask.bit_count() if mapped.mask else mapped.type.numbers
    low = -(count // 2) if mapped.type.signed and not mapped.mask else 0
    if kind is Kind.COUNTER:
        return low + (number - low) % count
    return min(max(number, low), low + count - 1)


def pack(number: float, mapped: Point) -> list[int]:
    """A raw number as registers in the device's order; only the bits of the mask are set.

    Raises:
        ValueError: It does not fit the register type.
    """
    if mapped.mask is not None:
        number = (int(number) << shift(mapped.mask)) & mapped.mask
    return reordered(number, mapped.type, mapped.order)


def reordered(number: float, kind: RegisterType, order: str) -> list[int]:
    """A number as registers of a type, in the device's order.

    Raises:
        ValueError: It does not fit the type.
    """
    try:
        data = struct.pack(">" + _CODE[kind], number if kind.floating else math.floor(number)) if kind in _CODE else _digits(number, kind)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{number:g} does not fit {kind}") from error
    return words(reorder(data, order))


def _digits(number: float, kind: RegisterType) -> bytes:
    """Forms that `struct` does not know: digit by digit, or in 48 bits."""
    whole, size = math.floor(number), kind.registers * 2
    if "int" in kind.value:
        return (whole % (1 << 8 * size)).to_bytes(size, "big")
    if not 0 <= whole < kind.numbers:
        raise OverflowError
    found = b""
    while len(found) < size:
        if kind.value.startswith("bcd"):
            whole, two = divmod(whole, 100)
            found = bytes([two // 10 * 16 + two % 10]) + found
        else:
            whole, four = divmod(whole, 10_000)
            found = four.to_bytes(2, "big") + found
    return found


def _number(data: bytes, kind: RegisterType) -> float:
    if kind in _CODE:
        return float(struct.unpack(">" + _CODE[kind], data)[0])
    if kind.value.startswith("bcd"):
        return float("".join(f"{byte >> 4}{byte & 15}" for byte in data))
    if kind.value.startswith("mod10k"):
        return float("".join(f"{word:04d}" for word in words(data)))
    return float(int.from_bytes(data, "big", signed=kind.signed))


def from_registers(registers: Sequence[int], mapped: Point, point: str, ct: float = 1.0, pt: float = 1.0) -> float:
    """What a write of `registers` means, in the point's unit."""
    data = reorder(struct.pack(f">{len(registers)}H", *registers), mapped.order)
    number = _number(data, mapped.type)
    if mapped.mask is not None:
        number = float((int(number) & mapped.mask) >> shift(mapped.mask))
    numerator, divisor = _scale(mapped, point, ct, pt)
    return number * numerator / divisor


def _scale(mapped: Point, point: str, ct: float, pt: float) -> tuple[float, float]:
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
