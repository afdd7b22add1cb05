"""From a profile to requests, and from registers to readings; pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from contract.profile import decimal_scale, plausible
from contract.register import RegisterType
from protocols.modbus.codec import numbers, orders
from protocols.modbus.codec.numbers import NoNumberError
from protocols.modbus.model import Point, Profile
from protocols.modbus.model.forms import Fraction, ScaleRegister, Table

_BITS = frozenset({Table.COIL, Table.DISCRETE})


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a block: how its raw number becomes a reading."""

    name: str
    mapped: Point
    numerator: float
    divisor: float
    low: float
    high: float
    invalid: tuple[float, ...]
    """Raw numbers that mean "no value", as the register can hold them."""

    def doubt(self, number: float, value: float) -> str:
        """Why a value is not believed, and the order of bytes in which it would be."""
        otherwise = orders.hint(number, self.mapped, (self.numerator, self.divisor), (self.low, self.high))
        return f"not plausible: {value:g}" + (f"; {otherwise}" if otherwise else "")


@dataclass(frozen=True, slots=True)
class Block:
    """One request: consecutive registers (or bits) of one table, and the points in them, in the order of their addresses."""

    table: Table
    address: int
    count: int
    cells: tuple[Cell, ...]
    fields: struct.Struct | None
    """Reads all cells at once; None where a form, an order or a bit table forbids it."""

    def decode(self, data: bytes) -> tuple[dict[str, float], dict[str, str]]:
        """(values, bad) of an answer: its registers, high byte first, or its bits, the first one lowest.

        Raises:
            ValueError: The answer is not as long as what was asked.
        """
        if len(data) != self.size:
            raise ValueError(f"expected {self.size} bytes, got {len(data)}")
        values: dict[str, float] = {}
        bad: dict[str, str] = {}
        for cell, number in zip(self.cells, self._numbers(data, bad), strict=True):
            if number is None:
                continue
            if number in cell.invalid:
                bad[cell.name] = f"device says it has no value ({number:g})"
                continue
            value = number * cell.numerator / cell.divisor
            if cell.low <= value <= cell.high:
                values[cell.name] = value
            else:
                bad[cell.name] = cell.doubt(number, value) if math.isfinite(value) else "not a number"
        return values, bad

    @property
    def size(self) -> int:
        """Bytes of an answer."""
        return (self.count + 7) // 8 if self.table in _BITS else 2 * self.count

    def _numbers(self, data: bytes, bad: dict[str, str]) -> Sequence[float | None]:
        """The raw number of each cell; None, and a reason in `bad`, where there is none."""
        if self.fields is not None:
            return self.fields.unpack(data)
        if self.table in _BITS:
            places = ((c.mapped.address or 0) - self.address for c in self.cells)
            return [float(data[place // 8] >> place % 8 & 1) for place in places]
        found: list[float | None] = []
        for cell in self.cells:
            try:
                found.append(self._one(cell, data))
            except NoNumberError as error:
                bad[cell.name] = str(error)
                found.append(None)
        return found

    def _one(self, cell: Cell, data: bytes) -> float:
        mapped = cell.mapped
        number = self._at(data, mapped.address or 0, mapped.type, mapped.order, mapped.mask)
        if number in cell.invalid:
            return number
        if mapped.fraction is not None:
            return self._joined(number, data, mapped.fraction, mapped.order)
        if mapped.scale_register is not None:
            return self._scaled(number, data, mapped.scale_register, mapped.order)
        return number

    def _at(self, data: bytes, address: int, kind: RegisterType, order: str, mask: int | None = None) -> float:
        start = (address - self.address) * 2
        number = numbers.read(data[start : start + kind.registers * 2], kind, order)
        return number if mask is None else (int(number) & mask) >> _shift(mask)

    def _joined(self, whole: float, data: bytes, fraction: Fraction, order: str) -> float:
        numerator, divisor = fraction.scale.as_integer_ratio()
        part = self._at(data, fraction.address, fraction.type, order) * numerator
        if part >= divisor:
            raise NoNumberError(f"the fraction is {part / divisor:g}; expected less than 1")
        return (whole * divisor + part) / divisor  # one division gives the decimal that the device's display shows

    def _scaled(self, number: float, data: bytes, register: ScaleRegister, order: str) -> float:
        scale = self._at(data, register.address, register.type, order, register.mask)
        if register.holds == "factor":
            if not math.isfinite(scale) or scale == 0:
                raise NoNumberError(f"the scale register holds {scale:g}")
            return number * scale
        return numbers.shifted(number, scale)


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1


def plan(profile: Profile, ct: float = 1.0, pt: float = 1.0) -> tuple[Block, ...]:
    """The fewest requests that read all points, within the profile's longest read and largest hole."""
    spans: list[tuple[Table, int, int, list[str]]] = []
    mapped = sorted((m.table, *m.span, name) for name, m in profile.points.items())
    for table, address, end, name in mapped:
        if spans:
            last_table, start, last_end, names = spans[-1]
            if table is last_table and address - last_end <= profile.max_hole and max(end, last_end) - start <= profile.max_registers:
                spans[-1] = (table, start, max(end, last_end), [*names, name])
                continue
        spans.append((table, address, end, [name]))
    return tuple(_block([_cell(profile, name, ct, pt) for name in names]) for _, _, _, names in spans)


def halves(block: Block) -> tuple[Block, Block] | None:
    """A block in two, at its widest hole, or in the middle where there is none; None where one point is all it has.

    For a device that refuses a block because of a register that nobody wants, or that this version of it lacks.
    """
    cells = block.cells
    holes = {n: cells[n].mapped.span[0] - max(c.mapped.span[1] for c in cells[:n]) for n in range(1, len(cells))}
    if not holes:
        return None
    cut = max(holes, key=lambda n: (holes[n], -abs(2 * n - len(cells))))
    return _block(cells[:cut]), _block(cells[cut:])


def _cell(profile: Profile, name: str, ct: float, pt: float) -> Cell:
    m = profile.points[name]
    numerator, divisor = decimal_scale(m, name, ct, pt)
    low, high = plausible(m, name, ct, pt)
    return Cell(name, m, numerator, divisor, low, high, tuple(numbers.held(float(number), m.type) for number in m.invalid))


def _block(cells: Sequence[Cell]) -> Block:
    start = min(c.mapped.span[0] for c in cells)
    count = max(c.mapped.span[1] for c in cells) - start
    return Block(cells[0].mapped.table, start, count, tuple(cells), _fields(cells, start, count))


def _fields(cells: Sequence[Cell], start: int, count: int) -> struct.Struct | None:
    text, at = ">", 0
    for cell in cells:
        m = cell.mapped
        offset = (m.address or 0) - start
        plain = m.table not in _BITS and m.mask is None and m.fraction is None and m.scale_register is None and m.type in numbers.CODE
        if not plain or m.order != "ABCD" or offset < at:
            return None
        text += f"{(offset - at) * 2}x{numbers.CODE[m.type]}"
        at = offset + m.type.registers
    return struct.Struct(f"{text}{(count - at) * 2}x")
