from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.ledger import base_units
from cloud.texts import in_words
from contract.coded import Message


@pytest.mark.parametrize(
    ("value", "energy", "unit", "base"),
    [
        (12.3456, "electricity", "kWh", 12_346),
        (0.0005, "electricity", "kWh", 0),
        (0.0015, "electricity", "kWh", 2),
        (1.5, "electricity", "MWh", 1_500_000),
        (-0.25, "water", "m3", -250),
        (7.001, "natural_gas", "m3", 7_001),
        (40.25, "petrol", "L", 40_250),
        (0.5, "heat", "GJ", 500_000),
        (1.0, "heat", "kWh", 3_600),
        (2.5, "coal", "t", 2_500_000),
        (3.0, "other", "kgce", 3_000_000),
    ],
)
def test_a_counter_becomes_base_units(value: float, energy: str, unit: str, base: int) -> None:
    """Values in any unit of an energy become whole base units, half to even."""
    assert base_units.to_base(value, energy, unit) == base


def test_base_units_come_back_in_the_factors_unit_exactly() -> None:
    """The way back divides exactly, also for the greatest amount the ledger holds."""
    assert base_units.to_factor_unit(12_346, "electricity") == Decimal("12.346")
    assert base_units.to_factor_unit(base_units.INT64_MAX, "other") == Decimal("9223372036854.775807")
    assert base_units.ENERGIES["water"].factor_unit == "m3"


@pytest.mark.parametrize(
    ("value", "energy", "unit", "said"),
    [
        (float("nan"), "water", "m3", "finite"),
        (float("inf"), "water", "m3", "finite"),
        (1e17, "electricity", "kWh", "does not fit"),
        (1.0, "electricity", "m3", "expected one of Wh, kWh, MWh"),
        (1.0, "steam", "kg", "no energy 'steam'"),
    ],
)
def test_what_cannot_be_counted_is_refused(value: float, energy: str, unit: str, said: str) -> None:
    """A value that is no amount of the energy is refused with what was expected."""
    with pytest.raises(ValueError, match=said):
        base_units.to_base(value, energy, unit)


@given(
    st.lists(st.one_of(st.floats(), st.floats(-1e7, 1e7).map(lambda value: round(value, 4)), st.sampled_from([0.0005, 2.5e-3, 1e300]))),
    st.sampled_from([(energy, unit) for energy in base_units.ENERGIES for unit in base_units.ENERGIES[energy].scales]),
)
def test_many_values_are_each_what_one_is(values: list[float], counted: tuple[str, str]) -> None:
    """Of any values at once, each in base units is what it is alone, to the unit and to the half, and what does not fit says why."""

    def alone(value: float) -> int | str:
        try:
            return base_units.to_base(value, *counted)
        except ValueError as error:
            return str(error)

    found = base_units.all_to_base(values, *counted)
    assert [in_words(amount, "en") if isinstance(amount, Message) else amount for amount in found] == [alone(value) for value in values]
