"""How numbers stand in Modbus registers: tables, and numbers that are made of more than one place."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contract.register import Exact, Mask, RegisterType
from contract.yamlfile import Strict

LAST_ADDRESS = 0xFFFF
Address = Annotated[int, Field(ge=0, le=LAST_ADDRESS)]


class Table(StrEnum):
    """The four Modbus tables and the function codes that read them: 03, 04, 01, 02."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"


class Fraction(Strict):
    """What stands behind the decimal point, in registers of its own; it is added to the whole number before the point's `scale`."""

    address: Address
    type: RegisterType = RegisterType.UINT16
    scale: Annotated[Exact, Field(gt=0, lt=1)]
    """What one step of it is worth, such as 0.001 where litres stand behind cubic metres."""


class ScaleRegister(Strict):
    """A register in which the device says how large its numbers are at this moment."""

    address: Address
    type: RegisterType = RegisterType.INT16
    mask: Mask | None = None
    """Only these bits of it, shifted down."""
    holds: Literal["exponent", "factor"] = "exponent"
    """`exponent`: the number is multiplied with 10 to the power of it; `factor`: with the register itself."""
