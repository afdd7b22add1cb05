"""Values and registers, on numbers worked out by hand."""

from __future__ import annotations

import pytest

from contract.register import RegisterType
from contract.units import Unit
from protocols.modbus.device.encoding import from_registers, to_registers
from protocols.modbus.model import Point

FLOAT = RegisterType.FLOAT32


@pytest.mark.parametrize(
    ("order", "expected"),
    [("ABCD", [0x3F0B, 0x851F]), ("CDAB", [0x851F, 0x3F0B]), ("BADC", [0x0B3F, 0x1F85]), ("DCBA", [0x1F85, 0x0B3F])],
)
def test_a_float_stands_in_each_order(order: str, expected: list[int]) -> None:
    """0.545 is 3F0B851F in IEEE 754; the order says which byte comes first."""
    mapped = Point.model_validate({"type": "float32", "order": order, "unit": "m3/h"})
    assert to_registers(0.545, mapped, "flow") == expected
    assert from_registers(expected, mapped, "flow") == pytest.approx(0.545, rel=1e-7)


def test_a_counter_rolls_over_and_a_gauge_stops() -> None:
    """A 16-bit counter starts again after 65 535; a temperature stays at its largest."""
    assert to_registers(65_537.0, Point(), "stops") == [1]
    assert to_registers(1005.0, Point(modulus=1000.0), "stops") == [5]
    assert to_registers(4000.0, Point.model_validate({"type": "int16", "scale": "0.1", "unit": "degC"}), "room_temperature") == [32767]


def test_a_32_bit_counter_uses_both_registers() -> None:
    """123 456.78 kWh in steps of 0.01 kWh is 12 345 678 = 00BC 614E."""
    mapped = Point.model_validate({"type": "uint32", "scale": "0.01", "unit": "kWh"})
    assert to_registers(123_456.78, mapped, "energy_import") == [0x00BC, 0x614E]


def test_a_mask_fills_its_bits_only() -> None:
    """Two bits of a shared register hold a number from 0 to 3."""
    mapped = Point(mask=0x0C00)
    assert to_registers(2.0, mapped, "fan") == [0x0800]
    assert from_registers([0xF8FF], mapped, "fan") == 2.0


def test_current_transformers_divide_on_the_device() -> None:
    """60 kW behind 100/5 is 3 kW on the secondary side, the register that the site multiplies again."""
    mapped = Point(unit=Unit.WATT, ratio="ct")
    assert to_registers(60_000.0, mapped, "power", ct=20.0) == [3000]


def test_no_value_has_the_devices_word_for_it_or_none() -> None:
    """32767 where the map names it, nothing where it does not."""
    assert to_registers(None, Point(invalid=[32767]), "fan") == [32767]
    assert to_registers(None, Point(type=FLOAT), "fan") is None
