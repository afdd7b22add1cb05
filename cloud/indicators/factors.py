"""Conversion factors to standard coal and CO2: dated rows with a source, never constants in a formula.

Standard coal and CO2 of one energy have validities of their own (the grid factor is announced for each data year), so
they are rows of two kinds; `factors_on` joins them to one factor an energy. Water is never converted
in comprehensive energy (综合能耗), so it has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from cloud.ledger.base_units import energy_of, to_factor_unit

NATIONAL = "national"
_IN_FORCE = date(2008, 10, 1)
"""The Regulation on Energy Conservation by Public Institutions is in force since this day."""


@dataclass(frozen=True, slots=True)
class Row:
    """One factor as it stands in a set, per factor unit of its energy (kWh, m3, L, kg, MJ).

    Attributes:
        energy: Name of the energy.
        value: kgce or kgCO2 per factor unit.
        valid_from: First day.
        valid_to: First day on which it no longer holds; None = until further notice.
        source: Where the value was published, and what is not verified.
        set: Name of the set.
    """

    energy: str
    value: Decimal
    valid_from: date
    valid_to: date | None
    source: str
    set: str = NATIONAL

    def holds(self, on: date) -> bool:
        """Whether the row holds on a day."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


@dataclass(frozen=True, slots=True)
class Factor:
    """What one factor unit of an energy is worth on a day; validity, source and set are those of the standard coal."""

    energy: str
    unit: str
    kgce_per_unit: Decimal
    kgco2_per_unit: Decimal | None
    valid_from: date
    valid_to: date | None
    source: str
    set: str


def _national(energy: str, value: Decimal, source: str) -> Row:
    return Row(energy, value, _IN_FORCE, None, source)


PETROL_DENSITY = Decimal("0.73")
"""kg/L, derived from the figures of 2015 in Chongqing's 13th five-year plan for public institutions."""
DIESEL_DENSITY = Decimal("0.85")
"""kg/L, derived as for petrol; 0.847 to 0.859 would fit too."""

COAL_ROWS: tuple[Row, ...] = (
    _national("electricity", Decimal("0.1229"), "GB/T 2589-2020 equivalent value (860 kcal/kWh)"),
    _national("natural_gas", Decimal("1.33"), "GB/T 2589-2020 upper end of the range; national statistics practice"),
    _national("coal", Decimal("0.7143"), "GB/T 2589-2020 raw coal"),
    _national("petrol", PETROL_DENSITY * Decimal("1.4714"), "0.73 kg/L (derived) x 1.4714 kgce/kg, GB/T 2589-2020"),
    _national("diesel", DIESEL_DENSITY * Decimal("1.4571"), "0.85 kg/L (derived) x 1.4571 kgce/kg, GB/T 2589-2020"),
    _national("lpg", Decimal("1.7143"), "GB/T 2589-2020, 50 242 kJ/kg (not verified against the standard)"),
    _national("heat", Decimal("0.03412"), "GB/T 2589-2020 heat, equivalent value"),
    _national("other", Decimal(1), "already in standard coal"),
)
"""The default set: kgce per factor unit."""

_GRID_2023 = "MEE and NBS announcement 2025 No. 47, data year 2023, national average; purchased power only"
CO2_ROWS: tuple[Row, ...] = (
    Row("electricity", Decimal("0.5306"), date(2023, 1, 1), None, _GRID_2023),
    _national("natural_gas", Decimal("2.1622"), "public audit factor table, 21.622 t per 10^4 m3"),
    _national("petrol", PETROL_DENSITY * Decimal("2.9251"), "0.73 kg/L (derived) x 2.9251 kg/kg, public audit factor table"),
    _national("diesel", DIESEL_DENSITY * Decimal("3.0959"), "0.85 kg/L (derived) x 3.0959 kg/kg, public audit factor table"),
    _national("coal", Decimal("1.900"), "public audit factor table, about 1.900 t/t"),
)
"""kgCO2 per factor unit, as far as sourced: the grid factors of 2021 and 2022 and that of LPG are not verified, and that of
heat depends on what the supplier burns (0.06 to 0.11), so they wait for an operator's row."""

_ACCEPTED: dict[str, tuple[Decimal, Decimal]] = {
    "electricity": (Decimal("0.1"), Decimal("1.0")),
    "natural_gas": (Decimal("0.5"), Decimal("2.5")),
    "heat": (Decimal("0.01"), Decimal("0.05")),
    "petrol": (Decimal("1.0"), Decimal("2.0")),
    "diesel": (Decimal("1.0"), Decimal("2.0")),
    "water": (Decimal("0.01"), Decimal("1.0")),
}


def check(energy: str, kgce_per_unit: Decimal) -> Decimal:
    """A standard-coal factor, if it can be one (ranges as in a public rule file of energy audits).

    The ranges catch slips of a thousand, such as kgce/GJ stored for heat. Energies without a published range must only
    be above 0.

    Raises:
        ValueError: No such energy, or out of range; the message says what was expected.
    """
    unit = energy_of(energy).factor_unit
    low, high = _ACCEPTED.get(energy, (Decimal(0), None))
    if not kgce_per_unit.is_finite() or kgce_per_unit <= 0 or kgce_per_unit < low or (high is not None and kgce_per_unit > high):
        wanted = "above 0" if high is None else f"from {low} to {high}"
        raise ValueError(f"{energy}: {kgce_per_unit} kgce/{unit} cannot be; expected {wanted}")
    return kgce_per_unit


def factors_on(on: date, name: str = NATIONAL, coal: Iterable[Row] = COAL_ROWS, co2: Iterable[Row] = CO2_ROWS) -> dict[str, Factor]:
    """The factors of a set that hold on a day, by energy.

    Raises:
        ValueError: The set has two rows of one kind and energy on that day, or no standard-coal row at all.
    """
    held, emitted = _held(coal, on, name), _held(co2, on, name)
    found: dict[str, Factor] = {}
    for row in held.values():
        carbon = emitted[row.energy].value if row.energy in emitted else None
        unit = energy_of(row.energy).factor_unit
        found[row.energy] = Factor(row.energy, unit, row.value, carbon, row.valid_from, row.valid_to, row.source, row.set)
    if not found:
        raise ValueError(f"factor set {name}: no row holds on {on}")
    return found


def _held(rows: Iterable[Row], on: date, name: str) -> dict[str, Row]:
    """The rows of a set that hold on a day, by energy."""
    found: dict[str, Row] = {}
    for row in rows:
        if row.set != name or not row.holds(on):
            continue
        if row.energy in found:
            raise ValueError(f"factor set {name}: two rows of {row.energy} hold on {on}")
        found[row.energy] = row
    return found


def worth(amount: int, energy: str, factors: Mapping[str, Factor], into: Literal["kgce", "kgCO2"]) -> Decimal:
    """Standard coal or CO2 of a ledger amount, kgce or kgCO2, not rounded.

    Args:
        amount: Base units of the energy.
        energy: Name of the energy, never water.
        factors: Factors by energy, see `factors_on`.
        into: What it is converted to.

    Raises:
        ValueError: The set has no such factor for the energy (as for water, always).
    """
    per_unit = factor_of(energy, factors, into)
    if per_unit is None:
        raise ValueError(f"no factor for {energy}")
    return to_factor_unit(amount, energy) * per_unit


def factor_of(energy: str, factors: Mapping[str, Factor], into: Literal["kgce", "kgCO2"]) -> Decimal | None:
    """What one factor unit of an energy is worth, in kgce or kgCO2; None where the set has no such factor."""
    if energy not in factors:
        return None
    return factors[energy].kgce_per_unit if into == "kgce" else factors[energy].kgco2_per_unit
