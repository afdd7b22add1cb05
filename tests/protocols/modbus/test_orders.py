"""A wrong order of words or bytes in a profile is named where its values make no sense."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.operation import Text
from contract.profile import decimal_scale, plausible
from contract.reading import Row
from contract.register import RegisterType
from contract.units import Unit
from protocols.modbus.codec import orders
from protocols.modbus.codec.blocks import plan
from protocols.modbus.codec.numbers import encode
from protocols.modbus.model import Device, Point, Profile
from tests.modbus_devices import packed, profile

ORDERS = ["ABCD", "CDAB", "BADC", "DCBA"]


class Told(Device):
    """A device whose profile is no file."""

    given: Profile

    @property
    def model(self) -> Profile:
        """The one it was given."""
        return self.given


def told(model: Profile) -> Told:
    return Told(id="d", name=Text(zh="", en=""), profile="", bus="b", given=model)


def asked(point: str, mapped: Point, order: str, value: float) -> tuple[dict[str, float], dict[str, str]]:
    """What a device that has another order says to a profile."""
    registers = encode(value, mapped.model_copy(update={"order": order}), point)
    (block,) = plan(profile({point: mapped}))
    return block.decode(packed(registers))


VOLTAGE = Point(address=0, type=RegisterType.INT32, scale=Decimal("0.1"), unit=Unit.VOLT)


@pytest.mark.parametrize(("said", "has"), [(a, b) for a in ORDERS for b in ORDERS if a != b])
def test_a_value_that_is_not_plausible_names_the_order(said: str, has: str) -> None:
    """230.1 V in any order, read in any other: the reason says in which order it would be 230.1."""
    values, bad = asked("voltage_a", VOLTAGE.model_copy(update={"order": said}), has, 230.1)
    assert values == {}
    assert bad["voltage_a"].startswith("not plausible: ")
    assert bad["voltage_a"].endswith(f"; with order {has} it would be 230.1")


def test_a_register_with_its_bytes_swapped() -> None:
    """One register has two orders."""
    mapped = Point(address=0, scale=Decimal("0.1"), unit=Unit.VOLT)
    assert asked("voltage_a", mapped, "BADC", 230.1)[1] == {"voltage_a": "not plausible: 6477.6; with order BADC it would be 230.1"}


def test_no_order_makes_sense_of_some_numbers() -> None:
    """The reason says no more than it knows."""
    assert asked("voltage_a", VOLTAGE, "ABCD", 99999.9)[1] == {"voltage_a": "not plausible: 99999.9"}


@pytest.mark.parametrize(
    ("mapped", "value", "said"),
    [
        (Point(address=0, type=RegisterType.FLOAT32, unit=Unit.KILOWATT_HOUR), 230.1, "with order CDAB it would be 230.1"),
        (
            Point(address=0, type=RegisterType.UINT32, scale=Decimal("0.01"), unit=Unit.KILOWATT_HOUR),
            229.0,
            "with order CDAB it would be 229",
        ),
    ],
)
def test_a_plausible_value_in_a_wrong_order_is_doubted(mapped: Point, value: float, said: str) -> None:
    """What a technician reads: 1.5e+07 kWh, or 1e-20, where the words are swapped."""
    values, bad = asked("energy_import", mapped, "CDAB", value)
    assert bad == {}
    device = told(profile({"energy_import": mapped}))
    assert orders.hints(device, Row("d", 1, values, {})) == {"energy_import": said}
    assert orders.hints(device, Row("d", 1, {"energy_import": value}, {})) == {}


@given(st.floats(0.0078125, 999_999, width=32), st.sampled_from(ORDERS))
def test_what_is_usual_is_never_doubted(value: float, order: str) -> None:
    """Whatever the order, a good value of usual size gets no hint."""
    mapped = Point(address=0, type=RegisterType.FLOAT32, order=order, unit=Unit.KILOWATT_HOUR)
    values, _ = asked("energy_import", mapped, order, value)
    assert orders.hints(told(profile({"energy_import": mapped})), Row("d", 1, values, {})) == {}


@given(st.binary(min_size=4, max_size=4), st.sampled_from([t for t in RegisterType if t.registers == 2]), st.sampled_from(ORDERS))
def test_any_registers_are_looked_at_without_a_fault(data: bytes, kind: RegisterType, order: str) -> None:
    """A hint names another order and a plausible value, whatever stands in the registers."""
    mapped = Point(address=0, type=kind, order=order, unit=Unit.VOLT)
    (block,) = plan(profile({"voltage_a": mapped}))
    values, bad = block.decode(data)
    assert set(values) | set(bad) == {"voltage_a"}
    assert f"with order {order}" not in bad.get("voltage_a", "")
    assert decimal_scale(mapped, "voltage_a") == (1.0, 1.0)
    assert plausible(mapped, "voltage_a") == (0, 1000)
