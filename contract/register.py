"""What the raw number of a point is, as its device gives it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

Mask = Annotated[int, Field(ge=1, le=0xFFFF)]
"""Bits of a number."""


def _plain(given: object) -> object:
    """Python takes the digits of every script for a decimal."""
    if isinstance(given, str) and not given.isascii():
        raise ValueError("expected a number in ordinary digits")
    return given


Exact = Annotated[Decimal, BeforeValidator(_plain)]
"""A decimal as it is written."""


class RegisterType(StrEnum):
    """How registers become a number.

    `bcd`: each half byte is a decimal digit. `mod10k`: each register holds 0 to 9999, the digits of a number to the base 10 000.
    """

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT48 = "uint48"
    INT48 = "int48"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD48 = "bcd48"
    BCD64 = "bcd64"
    MOD10K32 = "mod10k32"
    MOD10K48 = "mod10k48"
    MOD10K64 = "mod10k64"
    BOOL = "bool"

    @property
    def registers(self) -> int:
        """How many registers (or bits, for bool) one value takes."""
        return {"16": 1, "32": 2, "48": 3, "64": 4}.get(self.value[-2:], 1)

    @property
    def floating(self) -> bool:
        """Whether it is a floating-point number (IEEE 754)."""
        return self in {RegisterType.FLOAT32, RegisterType.FLOAT64}

    @property
    def signed(self) -> bool:
        """Whether it can be negative."""
        return self.floating or self in {RegisterType.INT16, RegisterType.INT32, RegisterType.INT48, RegisterType.INT64}

    @property
    def numbers(self) -> int:
        """How many different whole numbers it holds; a counter starts again there. Of no meaning for a float."""
        if self is RegisterType.BOOL:
            return 2
        if self.value.startswith(("bcd", "mod10k")):
            return int(10 ** (4 * self.registers))
        return 1 << 16 * self.registers
