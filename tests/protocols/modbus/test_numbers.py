"""From registers to readings, on numbers worked out by hand: forms, sentinels, and what behind transformers is plausible."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.profile import load_profile
from contract.register import RegisterType
from protocols.modbus.codec.blocks import halves, plan
from protocols.modbus.codec.numbers import encode
from protocols.modbus.device.encoding import from_registers, to_registers
from protocols.modbus.model import Point, Profile
from tests.modbus_devices import packed, profile
from tests.models import one


def decoded(points: dict[str, Any], registers: list[int], ct: float = 1.0, pt: float = 1.0) -> tuple[dict[str, float], dict[str, str]]:
    (block,) = plan(profile(points), ct, pt)
    return block.decode(packed(registers))


def single(value: float) -> list[int]:
    return list(struct.unpack(">2H", struct.pack(">f", value)))


ENERGY = {"address": 0, "unit": "kWh"}
FORMS: dict[str, tuple[dict[str, Any], list[int], float]] = {
    "bcd of 16 bits": (ENERGY | {"type": "bcd16", "scale": 0.1}, [0x1234], 123.4),
    "bcd of 32 bits": (ENERGY | {"type": "bcd32", "scale": 0.01}, [0x1234, 0x5678], 123456.78),
    "bcd, low word first": (ENERGY | {"type": "bcd32", "order": "CDAB"}, [0x5678, 0x1234], 12345678.0),
    "mod 10 000": (ENERGY | {"type": "mod10k32"}, [12, 345], 120345.0),
    "mod 10 000, low word first": (ENERGY | {"type": "mod10k64", "order": "CDAB"}, [7, 0, 1, 0], 100000007.0),
    "48 bits": (ENERGY | {"type": "uint48", "scale": 0.1}, [1, 0, 2], 429496729.8),
    "48 bits with a sign": ({"address": 0, "unit": "W", "type": "int48"}, [0xFFFF, 0xFFFF, 0xFFFE], -2.0),
    "whole number and fraction": (
        ENERGY | {"type": "uint32", "fraction": {"address": 2, "scale": 0.001}},
        [0, 12345, 678],
        12345.678,
    ),
    "fraction before the whole number": (ENERGY | {"address": 1, "fraction": {"address": 0, "scale": 0.0001}}, [1, 42], 42.0001),
    "exponent": ({"address": 0, "unit": "V", "scale_register": {"address": 1}}, [2304, 0xFFFF], 230.4),
    "exponent above 0": ({"address": 0, "unit": "W", "scale_register": {"address": 2, "type": "int16"}}, [23, 0, 2], 2300.0),
    "exponent in half a register": (
        {"address": 0, "unit": "V", "scale": 0.0001, "scale_register": {"address": 1, "type": "uint16", "mask": 0xFF00}},
        [2304, 0x0305],
        230.4,
    ),
    "factor": (ENERGY | {"type": "uint32", "scale_register": {"address": 2, "type": "uint16", "holds": "factor"}}, [0, 55, 40], 2200.0),
}


@pytest.mark.parametrize("what", FORMS)
def test_each_form_of_a_number(what: str) -> None:
    """The value that the meter's display shows, to its last digit."""
    mapped, registers, value = FORMS[what]
    point = {"kWh": "energy_import", "W": "power", "V": "voltage_a"}[mapped["unit"]]
    assert decoded({point: mapped}, registers) == ({point: value}, {})


NONE: dict[str, tuple[dict[str, Any], list[int], str]] = {
    "a float's sentinel": (
        {"address": 0, "unit": "A", "type": "float32", "invalid": [-999.9]},
        single(-999.9),
        "device says it has no value (-999.9)",
    ),
    "a digit beyond 9": (ENERGY | {"type": "bcd32"}, [0x12A4, 0], "not binary-coded decimal: 12a4 0000"),
    "all ones as bcd": (ENERGY | {"type": "bcd32"}, [0xFFFF, 0xFFFF], "not binary-coded decimal: ffff ffff"),
    "beyond 9999": (ENERGY | {"type": "mod10k32"}, [1, 10_000], "a register of a number to the base 10 000 holds 10000"),
    "a fraction of one": (ENERGY | {"fraction": {"address": 1, "scale": 0.001}}, [5, 1000], "the fraction is 1; expected less than 1"),
    "no exponent": (
        {"address": 0, "unit": "A", "scale_register": {"address": 1}},
        [5, 0x8000],
        "the scale register holds -32768; expected an exponent from -12 to 12",
    ),
    "a factor of nothing": (
        {"address": 0, "unit": "A", "scale_register": {"address": 1, "holds": "factor"}},
        [5, 0],
        "the scale register holds 0",
    ),
    "a sentinel that is not scaled": (
        {"address": 0, "unit": "A", "invalid": [0x7FFF], "scale_register": {"address": 1}},
        [0x7FFF, 1],
        "device says it has no value (32767)",
    ),
}


@pytest.mark.parametrize("what", NONE)
def test_what_is_no_number_is_bad_with_its_reason(what: str) -> None:
    """Never a value, and the neighbour in the same block is read."""
    mapped, registers, reason = NONE[what]
    point = {"kWh": "energy_import", "A": "current_a"}[mapped["unit"]]
    values, bad = decoded({point: mapped, "frequency": {"address": 4, "unit": "Hz"}}, [*[*registers, 0, 0, 0][:4], 50])
    assert (values, bad) == ({"frequency": 50.0}, {point: reason})


@pytest.mark.parametrize("kind", [k for k in RegisterType if k is not RegisterType.BOOL])
@given(data=st.data())
def test_what_is_written_in_any_form_and_order_is_what_the_device_understands(kind: RegisterType, data: st.DataObject) -> None:
    """Gateway and simulator, each with its own arithmetic: every whole number that fits goes there and back."""
    order = data.draw(st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]))
    most = (1 << 24) if kind.floating else min(kind.numbers // (1 + kind.signed) - 1, 10**9)
    value = float(data.draw(st.integers(-most if kind.signed else 0, most)))
    mapped = Point.model_validate({"type": kind, "order": order, "address": 0})
    registers = encode(value, mapped, "status")
    assert from_registers(registers, mapped, "status") == value
    assert to_registers(value, mapped, "status") == registers
    if value >= 0:
        assert decoded({"status": mapped.model_dump()}, registers) == ({"status": value}, {})


@pytest.mark.parametrize("kind", ["bcd16", "mod10k32", "uint48"])
def test_what_does_not_fit_a_form_is_not_written(kind: str) -> None:
    """A number too many, and a negative one."""
    mapped = Point.model_validate({"type": kind, "address": 0})
    for value in (float(RegisterType(kind).numbers), -1.0):
        with pytest.raises(ValueError, match=f"does not fit {kind}"):
            encode(value, mapped, "status")


def test_plausible_ranges_follow_the_transformers() -> None:
    """An ADL400 behind PT 100 and CT 40 that reads 100.0 V on its side is at 10 000 V; 1 100 V without transformers stay impossible."""
    model = one(Profile, load_profile("electricity/acrel-adl400"))
    block = next(b for b in plan(model, 40.0, 100.0) if any(c.name == "voltage_a" for c in b.cells))
    registers = [0] * block.count
    registers[0x61 - block.address] = 1000
    assert block.decode(packed(registers))[0]["voltage_a"] == 10_000.0
    registers[0x61 - block.address] = 11_000
    assert block.decode(packed(registers))[1]["voltage_a"] == "not plausible: 110000"
    without = next(b for b in plan(model) if any(c.name == "voltage_a" for c in b.cells))
    assert without.decode(packed(registers))[1]["voltage_a"] == "not plausible: 1100"


def test_a_meter_that_multiplies_by_itself_is_believed_as_well() -> None:
    """The site's ratio says how large the line is, whoever multiplies; a ratio below 1 narrows nothing."""
    points = {"voltage_a": {"address": 0, "unit": "V"}, "power": {"address": 1, "type": "int32", "unit": "kW"}}
    registers = [10_000, *struct.unpack(">2H", struct.pack(">i", 30_000))]
    assert decoded(points, registers, 40.0, 100.0) == ({"voltage_a": 10_000.0, "power": 3e7}, {})
    assert decoded(points, registers)[1].keys() == {"voltage_a", "power"}
    assert decoded(points, [230, 0, 1], 0.1, 0.1)[1] == {}


def test_a_block_is_cut_at_its_widest_hole_and_never_inside_a_point() -> None:
    """Two halves hold all points of the block; a single point has no halves."""
    points = {
        "voltage_a": {"address": 0, "unit": "V"},
        "power": {"address": 1, "type": "int32", "unit": "W"},
        "voltage_b": {"address": 6, "unit": "V"},
    }
    (block,) = plan(profile(points))
    left, right = halves(block) or pytest.fail("no halves")
    assert [(b.address, b.count) for b in (left, right)] == [(0, 3), (6, 1)]
    assert halves(right) is None
    assert math.isclose(sum(len(b.cells) for b in (left, right)), 3)
