"""A Modbus device model: where its points stand in registers, and how its registers are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field

from contract import profile as common
from contract.fault import Fault
from contract.profile import Misfit, overlaps
from contract.register import Mask, RegisterType
from protocols.buses import SerialProfile
from protocols.modbus.model.forms import LAST_ADDRESS, Address, Fraction, ScaleRegister, Table


class Point(common.PointMap):
    """Where one point of a device stands and how its registers become a reading."""

    table: Table = Table.HOLDING
    address: Address | None = None
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    mask: Mask | None = None
    """Only these bits of a 16-bit register, shifted down."""
    fraction: Fraction | None = None
    """What stands behind the decimal point, where it has registers of its own."""
    scale_register: ScaleRegister | None = None
    """Where the device says how large its numbers are; `scale` holds beside it."""
    write_function: Literal[5, 6, 16] = 6

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """Files may keep a register beside a path."""
        del field, protocol
        return "", given

    @property
    def span(self) -> tuple[int, int]:
        """First register (or bit) and the one after the last, of all places that make the value; they are read together."""
        places = [(self.address or 0, self.type.registers)]
        places += [(other.address, other.type.registers) for other in (self.fraction, self.scale_register) if other is not None]
        return min(first for first, _ in places), max(first + size for first, size in places)

    @property
    def smallest_step(self) -> float:
        """1, or the step of its fraction."""
        return float(self.fraction.scale) if self.fraction is not None else 1.0

    def misfits(self) -> Iterator[Misfit]:
        """What a driver could only guess at."""
        yield from _register_faults(self)


class Profile(SerialProfile):
    """All that is known of one Modbus device model."""

    protocol: Literal["modbus"]
    max_registers: Annotated[int, Field(ge=1, le=125)] = 120
    """The longest read the device answers."""
    max_hole: Annotated[int, Field(ge=0, le=120)] = 8
    """Unwanted registers that may be read to merge two reads into one."""
    points: Mapping[str, Point] = Field(min_length=1)

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """A file may keep how a device is read by Modbus."""
        del field, protocol
        return "", given

    def misfits(self) -> Iterator[Fault]:
        """Points that no read can hold, and points on one place: other bits of a register are another place."""
        for name, mapped in self.points.items():
            if mapped.span[1] - mapped.span[0] > self.max_registers:
                text = f"expected registers that one read of {self.max_registers} can hold"
                yield Fault(("points", name, "address"), text, mapped.address)
        yield from overlaps(self.points, "address", {name: list(_places(mapped)) for name, mapped in self.points.items()})


def _places(mapped: Point) -> Iterator[tuple[object, ...]]:
    if mapped.address is not None:
        yield from ((mapped.table, mapped.address + i, mapped.mask) for i in range(mapped.type.registers))


def _register_faults(mapped: Point) -> Iterator[Misfit]:
    """The same for what a Modbus driver could only guess at."""
    if mapped.flag is not None:
        yield "flag", "expected none: a bit of a register is read with a mask", mapped.flag.of
    bits = mapped.table in {Table.COIL, Table.DISCRETE}
    whole = {RegisterType.UINT16, RegisterType.INT16}
    if mapped.address is None:
        yield "address", "expected an address", None
    if bits and mapped.type not in {RegisterType.BOOL, RegisterType.UINT16}:
        yield "type", "expected bool, since the table holds bits", mapped.type.value
    if not bits and mapped.type is RegisterType.BOOL:
        yield "type", "expected a number; one bit of a register is read with a mask", mapped.type.value
    if mapped.mask is not None and (bits or mapped.type not in whole):
        yield "mask", "expected none, since it takes bits of one 16-bit register", mapped.mask
    yield from _places_faults(mapped)
    yield from _combined_faults(mapped)
    if mapped.writable and mapped.table in {Table.INPUT, Table.DISCRETE}:
        yield "table", "expected holding or coil, since the point can be written", mapped.table.value
    if mapped.writable and mapped.mask is not None:
        yield "writable", "expected a point without mask: a write would clear the other bits of its register", None
    if mapped.writable and bits != (mapped.write_function == 5):  # noqa: PLR2004 (function code 05, write single coil)
        yield "write_function", "expected 5 for a coil and 6 or 16 for registers", mapped.write_function
    if mapped.writable and mapped.write_function == 6 and mapped.type.registers > 1:  # noqa: PLR2004 (function code 06)
        yield "write_function", "expected 16, since the point has more than one register", mapped.write_function


def _places_faults(mapped: Point) -> Iterator[Misfit]:
    """The same for places that reach beyond the last register there is."""
    places = [("address", mapped.address, mapped.type)]
    places += [
        (field, part.address, part.type)
        for field, part in (("fraction", mapped.fraction), ("scale_register", mapped.scale_register))
        if part is not None
    ]
    for field, first, kind in places:
        if first is not None and first + kind.registers - 1 > LAST_ADDRESS:
            yield field, f"expected at most {LAST_ADDRESS + 1 - kind.registers}, since {kind} takes {kind.registers} registers", first


def _combined_faults(mapped: Point) -> Iterator[Misfit]:
    """The same for a number that is made of two places."""
    both = {"fraction": mapped.fraction, "scale_register": mapped.scale_register}
    given = {field: part for field, part in both.items() if part is not None}
    for field, part in given.items():
        if mapped.table in {Table.COIL, Table.DISCRETE}:
            yield field, "expected none, since the table holds bits", mapped.table.value
        if len(given) > 1:
            yield field, "expected a fraction or a scale register, not both", part.address
        if mapped.writable:
            yield "writable", f"expected a point without {field}: one write cannot set both places", None
        if part.type is RegisterType.BOOL:
            yield field, "expected a type of whole registers", part.type.value
    if mapped.fraction is not None and (mapped.type.signed or mapped.fraction.type.signed or mapped.mask is not None):
        yield "fraction", "expected whole numbers without sign and without mask on both sides of the decimal point", mapped.type.value
    scaled = mapped.scale_register
    if scaled is not None and scaled.holds == "exponent" and scaled.type.floating:
        yield "scale_register", "expected a whole number, since the register holds an exponent", scaled.type.value
    if scaled is not None and scaled.mask is not None and scaled.type not in {RegisterType.UINT16, RegisterType.INT16}:
        yield "scale_register", "expected a 16-bit type, since the mask takes bits of one register", scaled.type.value
