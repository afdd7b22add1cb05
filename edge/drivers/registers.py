"""From a profile to requests, and from registers to readings; pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from contract.point import POINTS
from contract.profile import PointMap, Profile, RegisterType, Table, decimal_scale, raw

_CODE = {
    RegisterType.UINT16: "H",
    RegisterType.INT16: "h",
    RegisterType.UINT32: "I",
    RegisterType.INT32: "i",
    RegisterType.UINT64: "Q",
    RegisterType.INT64: "q",
    RegisterType.FLOAT32: "f",
    RegisterType.FLOAT64: "d",
}
_FLOATS = {RegisterType.FLOAT32, RegisterType.FLOAT64}


@dataclass(frozen=True, slots=True)
class _Cell:
    """One point inside a block: where it stands and how its raw number becomes a reading."""

    name: str
    offset: int
    mapped: PointMap
    numerator: float
    divisor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Block:
    """One request: consecutive registers (or bits) of one table, and the points in them."""

    table: Table
    address: int
    count: int
    cells: tuple[_Cell, ...]
    words: struct.Struct
    fields: struct.Struct | None
    """Reads all cells at once; None where an order or a bit table forbids it."""

    def decode(self, registers: Sequence[int]) -> tuple[dict[str, float], dict[str, str]]:
        """(values, bad) of an answer.

        Raises:
            ValueError: The answer is shorter than what was asked.
        """
        if len(registers) < self.count:
            raise ValueError(f"expected {self.count} registers, got {len(registers)}")
        values: dict[str, float] = {}
        bad: dict[str, str] = {}
        for cell, number in zip(self.cells, self._numbers(registers), strict=True):
            if number in cell.mapped.invalid:
                bad[cell.name] = f"device says it has no value ({number:g})"
                continue
            value = number * cell.numerator / cell.divisor
            if cell.low <= value <= cell.high:
                values[cell.name] = value
            else:
                bad[cell.name] = f"not plausible: {value:g}" if math.isfinite(value) else "not a number"
        return values, bad

    def _numbers(self, registers: Sequence[int]) -> Sequence[float]:
        if self.table in {Table.COIL, Table.DISCRETE}:
            return [float(registers[c.offset]) for c in self.cells]
        packed = self.words.pack(*registers[: self.count])
        if self.fields is not None:
            return self.fields.unpack(packed)
        return [_one(c.mapped, packed[c.offset * 2 : (c.offset + c.mapped.type.registers) * 2]) for c in self.cells]


def _one(mapped: PointMap, data: bytes) -> float:
    number: float = struct.unpack(">" + _CODE[mapped.type], ordered(data, mapped.order))[0]
    if mapped.mask is None:
        return number
    return (int(number) & mapped.mask) >> ((mapped.mask & -mapped.mask).bit_length() - 1)


def ordered(data: bytes, order: str) -> bytes:
    """Bytes between the device's order and big-endian, either way; A is the most significant byte of 32 bits."""
    if order in {"BADC", "DCBA"}:
        swapped = bytearray(data)
        swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
        data = bytes(swapped)
    if order in {"CDAB", "DCBA"}:
        data = b"".join(data[i : i + 2] for i in range(len(data) - 2, -1, -2))
    return data


def plan(profile: Profile, ct: float = 1.0, pt: float = 1.0) -> tuple[Block, ...]:
    """The fewest requests that read all points, within the profile's longest read and largest hole."""
    spans: list[tuple[Table, int, int, list[str]]] = []
    mapped = sorted((m.table, m.address or 0, name) for name, m in profile.points.items())
    for table, address, name in mapped:
        end = address + profile.points[name].type.registers
        if spans:
            last_table, start, last_end, names = spans[-1]
            if table is last_table and address - last_end <= profile.max_hole and max(end, last_end) - start <= profile.max_registers:
                spans[-1] = (table, start, max(end, last_end), [*names, name])
                continue
        spans.append((table, address, end, [name]))
    return tuple(_block(profile, span, ct, pt) for span in spans)


def _block(profile: Profile, span: tuple[Table, int, int, list[str]], ct: float, pt: float) -> Block:
    table, start, end, names = span
    cells = []
    for name in names:
        m = profile.points[name]
        numerator, divisor = decimal_scale(m, name, ct, pt)
        low, high = POINTS[name].plausible
        cells.append(_Cell(name, (m.address or 0) - start, m, numerator, divisor, low, high))
    count = end - start
    return Block(table, start, count, tuple(cells), struct.Struct(f">{count}H"), _fields(cells, count))


def _fields(cells: Sequence[_Cell], count: int) -> struct.Struct | None:
    text, at = ">", 0
    for cell in cells:
        m = cell.mapped
        if m.order != "ABCD" or m.mask is not None or m.type is RegisterType.BOOL or cell.offset < at:
            return None
        text += f"{(cell.offset - at) * 2}x{_CODE[m.type]}"
        at = cell.offset + m.type.registers
    return struct.Struct(f"{text}{(count - at) * 2}x")


def encode(value: float, mapped: PointMap, point: str, ct: float = 1.0, pt: float = 1.0) -> list[int]:
    """The registers that make a device show `value`.

    Raises:
        ValueError: It does not fit the register type.
    """
    number = raw(value, mapped, point, ct, pt)
    try:
        data = struct.pack(">" + _CODE[mapped.type], number if mapped.type in _FLOATS else int(number))
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{point}: {value:g} does not fit {mapped.type}") from error
    data = ordered(data, mapped.order)
    return list(struct.unpack(f">{len(data) // 2}H", data))
