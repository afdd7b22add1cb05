"""Raw numbers in registers: binary, floating, binary-coded decimal and to the base 10 000; pure."""

from __future__ import annotations

import struct

from contract.profile import raw
from contract.register import RegisterType
from protocols.modbus.model import Point

CODE = {
    RegisterType.UINT16: "H",
    RegisterType.INT16: "h",
    RegisterType.UINT32: "I",
    RegisterType.INT32: "i",
    RegisterType.UINT64: "Q",
    RegisterType.INT64: "q",
    RegisterType.FLOAT32: "f",
    RegisterType.FLOAT64: "d",
}
"""What `struct` calls those that it knows."""
_MOST_EXPONENT = 12
"""No meter's numbers are larger or finer; a scale register that says more says that it has no value (-32768 is usual)."""
_BASE = 10_000


class NoNumberError(ValueError):
    """The registers hold something that is no number of their type; the message says what."""


def read(data: bytes, kind: RegisterType, order: str) -> float:
    """The raw number in as many bytes as its type takes.

    Raises:
        NoNumberError: A digit beyond 9, or a register beyond 9999.
    """
    data = ordered(data, order)
    if kind in CODE:
        number: float = struct.unpack(">" + CODE[kind], data)[0]
        return number
    if kind.value.startswith("bcd"):
        if not data.hex().isdecimal():
            raise NoNumberError(f"not binary-coded decimal: {data.hex(' ', 2)}")
        return int(data.hex())
    if kind.value.startswith("mod10k"):
        words = struct.unpack(f">{kind.registers}H", data)
        if max(words) >= _BASE:
            raise NoNumberError(f"a register of a number to the base 10 000 holds {max(words)}")
        return float(sum(word * _BASE**place for place, word in enumerate(reversed(words))))
    return int.from_bytes(data, "big", signed=kind.signed)


def written(number: float, kind: RegisterType) -> bytes:
    """The bytes of a raw number, most significant first.

    Raises:
        OverflowError: It does not fit.
        struct.error: The same.
    """
    return struct.pack(">" + CODE[kind], number) if kind.floating else _whole(int(number), kind)


def _whole(number: int, kind: RegisterType) -> bytes:
    size = kind.registers * 2
    if kind.value.startswith(("bcd", "mod10k")):
        if not 0 <= number < kind.numbers:
            raise OverflowError
        digits = f"{number:0{2 * size}d}"
        if kind.value.startswith("bcd"):
            return bytes.fromhex(digits)
        return b"".join(int(digits[at : at + 4]).to_bytes(2, "big") for at in range(0, len(digits), 4))
    return number.to_bytes(size, "big", signed=kind.signed)


def held(number: float, kind: RegisterType) -> float:
    """A number as a register of this type can hold it: -999.9 is another number in a float32."""
    if kind is not RegisterType.FLOAT32:
        return number
    single: float = struct.unpack(">f", struct.pack(">f", number))[0]
    return single


def shifted(number: float, exponent: float) -> float:
    """A number times ten to the power of what a scale register holds.

    Raises:
        NoNumberError: The register holds no exponent.
    """
    if exponent != int(exponent) or abs(exponent) > _MOST_EXPONENT:
        raise NoNumberError(f"the scale register holds {exponent:g}; expected an exponent from {-_MOST_EXPONENT} to {_MOST_EXPONENT}")
    power = 10.0 ** abs(int(exponent))
    return number * power if exponent >= 0 else number / power


def ordered(data: bytes, order: str) -> bytes:
    """Bytes between the device's order and big-endian, either way; A is the most significant byte of 32 bits."""
    if order in {"BADC", "DCBA"}:
        swapped = bytearray(data)
        swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
        data = bytes(swapped)
    if order in {"CDAB", "DCBA"}:
        data = b"".join(data[i : i + 2] for i in range(len(data) - 2, -1, -2))
    return data


def encode(value: float, mapped: Point, point: str, ct: float = 1.0, pt: float = 1.0) -> list[int]:
    """The registers that make a device show `value`.

    Raises:
        ValueError: It does not fit the register type.
    """
    number = raw(value, mapped, point, ct, pt)
    try:
        data = written(number, mapped.type)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{point}: {value:g} does not fit {mapped.type}") from error
    data = ordered(data, mapped.order)
    return list(struct.unpack(f">{len(data) // 2}H", data))
