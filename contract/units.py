"""Units of measure: which there are, what quantity they measure, and how to convert between two of one quantity."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum


class Unit(StrEnum):
    """A unit as it is written in profiles, the interface and the store."""

    NONE = "1"
    VOLT = "V"
    AMPERE = "A"
    WATT = "W"
    KILOWATT = "kW"
    VAR = "var"
    KILOVAR = "kvar"
    HERTZ = "Hz"
    KILOWATT_HOUR = "kWh"
    WATT_HOUR = "Wh"
    KILOVAR_HOUR = "kvarh"
    CELSIUS = "degC"
    PERCENT = "%"
    CUBIC_METRE = "m3"
    CUBIC_METRE_PER_HOUR = "m3/h"
    LITRE = "L"
    MEGAPASCAL = "MPa"
    PASCAL = "Pa"
    PPM = "ppm"
    KILOMETRE = "km"
    KILOMETRE_PER_HOUR = "km/h"
    METRE = "m"
    DEGREE = "deg"
    SECOND = "s"
    BYTE = "B"


_TO_BASE: dict[Unit, tuple[str, Decimal]] = {
    Unit.WATT: ("power", Decimal(1)),
    Unit.KILOWATT: ("power", Decimal(1000)),
    Unit.VAR: ("reactive power", Decimal(1)),
    Unit.KILOVAR: ("reactive power", Decimal(1000)),
    Unit.WATT_HOUR: ("energy", Decimal(1)),
    Unit.KILOWATT_HOUR: ("energy", Decimal(1000)),
    Unit.LITRE: ("volume", Decimal(1)),
    Unit.CUBIC_METRE: ("volume", Decimal(1000)),
    Unit.PASCAL: ("pressure", Decimal(1)),
    Unit.MEGAPASCAL: ("pressure", Decimal(1_000_000)),
    Unit.METRE: ("length", Decimal(1)),
    Unit.KILOMETRE: ("length", Decimal(1000)),
}


def factor(source: Unit, target: Unit) -> Decimal:
    """What a value in `source` is multiplied with to be in `target`.

    Raises:
        ValueError: The two do not measure the same quantity.
    """
    if source is target:
        return Decimal(1)
    a, b = _TO_BASE.get(source), _TO_BASE.get(target)
    if a is None or b is None or a[0] != b[0]:
        raise ValueError(f"{source} cannot be converted to {target}")
    return a[1] / b[1]
