from datetime import date
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.indicators import denominators, factors
from cloud.indicators.denominators import Dated
from cloud.ledger.base_units import ENERGIES, to_base

# 重庆市公共机构节约能源资源 13th five-year plan, data year 2015: physical input in 10^4 factor units, published result in 10^4 tce
CHONGQING_2015 = MappingProxyType(
    {
        "electricity": (638_100.0, "78.41"),
        "coal": (5_470.0, "3.91"),
        "natural_gas": (14_482.41, "19.26"),
        "petrol": (7_927.99, "8.52"),
        "diesel": (506.81, "0.63"),
    }
)


def ten_thousand_tce(energy: str, ten_thousand_units: float) -> Decimal:
    amount = to_base(ten_thousand_units, energy, ENERGIES[energy].factor_unit) * 10_000
    return factors.worth(amount, energy, factors.factors_on(date(2015, 1, 1)), "kgce") / 10**7


def cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"))


def test_chongqing_2015_is_reproduced() -> None:
    """The published standard coal of Chongqing's public institutions comes out to two decimals, electricity within 0.02."""
    found = {energy: ten_thousand_tce(energy, amount) for energy, (amount, _) in CHONGQING_2015.items()}
    for energy, (_, published) in CHONGQING_2015.items():
        if energy == "electricity":
            assert abs(found[energy] - Decimal(published)) <= Decimal("0.02")
        else:
            assert cents(found[energy]) == Decimal(published), energy
    assert cents(sum(found.values(), Decimal("0.02"))) == Decimal("110.75")


@pytest.mark.parametrize(
    ("energy", "unit", "kgce", "kgco2"),
    [
        ("electricity", "kWh", "0.1229", "0.5306"),
        ("natural_gas", "m3", "1.33", "2.1622"),
        ("coal", "kg", "0.7143", "1.900"),
        ("petrol", "L", "1.074122", "2.135323"),
        ("diesel", "L", "1.238535", "2.631515"),
        ("lpg", "kg", "1.7143", None),
        ("heat", "MJ", "0.03412", None),
        ("other", "kgce", "1", None),
    ],
)
def test_the_national_set(energy: str, unit: str, kgce: str, kgco2: str | None) -> None:
    """One row an energy in its unit, valid since the regulation came into force, with its source."""
    factor = factors.factors_on(date(2026, 1, 1))[energy]
    assert (factor.unit, factor.kgce_per_unit) == (unit, Decimal(kgce))
    assert factor.kgco2_per_unit == (Decimal(kgco2) if kgco2 else None)
    assert (factor.valid_from, factor.valid_to, factor.set) == (date(2008, 10, 1), None, "national")
    assert factor.source
    assert factors.check(energy, factor.kgce_per_unit) == factor.kgce_per_unit


def test_water_has_no_factor() -> None:
    """The set covers all energies of the ledger and never water."""
    national = factors.factors_on(date(2026, 1, 1))
    assert set(national) == set(ENERGIES) - {"water"}
    with pytest.raises(ValueError, match="no factor for water"):
        factors.worth(1_000, "water", national, "kgce")


def test_factors_have_dates() -> None:
    """The grid factor holds from its data year, a replaced row ends the day before, and before all rows there is no set."""
    assert factors.factors_on(date(2022, 12, 31))["electricity"].kgco2_per_unit is None
    assert factors.factors_on(date(2022, 12, 31))["electricity"].kgce_per_unit == Decimal("0.1229")
    old = factors.Row("electricity", Decimal("0.31"), date(2009, 1, 1), date(2020, 1, 1), "a source", "local")
    new = factors.Row("electricity", Decimal("0.28"), date(2020, 1, 1), None, "a source", "local")
    assert factors.factors_on(date(2019, 12, 31), "local", (old, new))["electricity"].kgce_per_unit == Decimal("0.31")
    assert factors.factors_on(date(2020, 1, 1), "local", (old, new))["electricity"].kgce_per_unit == Decimal("0.28")
    with pytest.raises(ValueError, match="no row holds on 2008-09-30"):
        factors.factors_on(date(2008, 9, 30))
    with pytest.raises(ValueError, match="two rows of electricity"):
        factors.factors_on(date(2021, 1, 1), "local", (new, new))
    with pytest.raises(ValueError, match="two rows of electricity hold on 2026-01-01"):
        factors.factors_on(date(2026, 1, 1), co2=(*factors.CO2_ROWS, factors.CO2_ROWS[0]), coal=factors.COAL_ROWS)


@pytest.mark.parametrize(
    ("energy", "value"),
    [
        ("heat", "34.12"),
        ("electricity", "0.0001229"),
        ("natural_gas", "13.3"),
        ("petrol", "0.9"),
        ("coal", "0"),
        ("lpg", "NaN"),
        ("water", "2"),
    ],
)
def test_a_factor_out_of_range_is_refused(energy: str, value: str) -> None:
    """Slips of a thousand and factors of another unit do not get into the store."""
    with pytest.raises(ValueError, match="cannot be; expected"):
        factors.check(energy, Decimal(value))


def test_a_mean_is_weighted_by_days() -> None:
    """100 persons for 31 days of January and 159 for 28 of February are 128 over the 59 days."""
    series = [Dated(date(2025, 2, 1), Decimal(159)), Dated(date(2020, 1, 1), Decimal(100))]
    assert denominators.mean(series, date(2025, 1, 1), date(2025, 3, 1)) == Decimal(100 * 31 + 159 * 28) / 59
    assert denominators.mean(series, date(2025, 1, 1), date(2025, 2, 1)) == 100
    assert denominators.mean(series, date(2024, 1, 1), date(2025, 1, 1)) == 100


def test_an_unknown_denominator_is_no_number() -> None:
    """Before the first row, over no days, or with one unit unknown there is no mean."""
    known, late = [Dated(date(2020, 1, 1), Decimal(10))], [Dated(date(2025, 1, 2), Decimal(5))]
    span = (date(2025, 1, 1), date(2026, 1, 1))
    assert denominators.mean(late, *span) is None
    assert denominators.mean([], *span) is None
    assert denominators.mean(known, span[0], span[0]) is None
    assert denominators.total([known, late], *span) is None
    assert denominators.total([], *span) is None
    founded = [Dated(date(2020, 1, 1), Decimal(0)), *late]
    assert denominators.total([known, founded], *span) == 10 + Decimal(5 * 364) / 365
    with pytest.raises(ValueError, match="two rows begin"):
        denominators.mean(known * 2, *span)


@given(st.dictionaries(st.dates(date(2020, 1, 1), date(2026, 1, 1)), st.integers(0, 10**6), min_size=1), st.integers(1, 400))
def test_a_mean_is_that_of_its_days(rows: dict[date, int], days: int) -> None:
    """The mean over a span equals the plain mean of what held on each of its days."""
    start = min(rows)
    span = [date.fromordinal(start.toordinal() + index) for index in range(days)]
    each = [rows[max(valid for valid in rows if valid <= day)] for day in span]
    series = [Dated(day, Decimal(value)) for day, value in rows.items()]
    assert denominators.mean(series, start, date.fromordinal(start.toordinal() + days)) == Decimal(sum(each)) / days
