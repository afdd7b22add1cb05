"""The whole numbers the ledger counts in: one base unit for each energy, so that sums are exact on every database.

A base unit is small enough that no meter shows less (a thousandth of the factor's unit), and an int64 of it holds
9.2 * 10^15 factor units, more than any institution uses. A site's files are checked by them too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType

INT64_MAX = 2**63 - 1
EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Room for an int64 times a factor of 30 digits; a caller's own decimal context must not change what the ledger says."""


@dataclass(frozen=True, slots=True)
class Energy:
    """How one energy, or water, is counted.

    Attributes:
        name: `water` or a name of the factor table.
        base_unit: What the ledger counts.
        factor_unit: What interfaces, reports and conversion factors speak of.
        scales: Base units in one of each unit that counters and people use.
    """

    name: str
    base_unit: str
    factor_unit: str
    scales: MappingProxyType[str, Decimal]

    @property
    def per_factor_unit(self) -> Decimal:
        """Base units in one factor unit."""
        return self.scales[self.factor_unit]


def _energy(name: str, base_unit: str, factor_unit: str, **scales: str) -> Energy:
    return Energy(name, base_unit, factor_unit, MappingProxyType({unit: Decimal(text) for unit, text in scales.items()}))


ENERGIES: MappingProxyType[str, Energy] = MappingProxyType(
    {
        energy.name: energy
        for energy in (
            _energy("electricity", "Wh", "kWh", Wh="1", kWh="1E3", MWh="1E6"),
            _energy("water", "L", "m3", L="1", m3="1E3"),
            _energy("natural_gas", "dm3", "m3", dm3="1", L="1", m3="1E3"),
            _energy("petrol", "mL", "L", mL="1", L="1E3", m3="1E6"),
            _energy("diesel", "mL", "L", mL="1", L="1E3", m3="1E6"),
            _energy("heat", "kJ", "MJ", kJ="1", MJ="1E3", GJ="1E6", Wh="3.6", kWh="3600", MWh="3.6E6"),
            _energy("coal", "g", "kg", g="1", kg="1E3", t="1E6"),
            _energy("lpg", "g", "kg", g="1", kg="1E3", t="1E6"),
            _energy("other", "mgce", "kgce", mgce="1", kgce="1E6", tce="1E9"),
        )
    }
)
"""All that the ledger can count; `other` is already standard coal (mgce = a millionth of a kgce)."""


def energy_of(name: str) -> Energy:
    """The energy of a name.

    Raises:
        ValueError: There is none; the message lists those that are.
    """
    try:
        return ENERGIES[name]
    except KeyError:
        raise ValueError(f"no energy {name!r}; expected one of {', '.join(ENERGIES)}") from None


def scale(energy: str, unit: str) -> Decimal:
    """Base units in one `unit` of an energy.

    Raises:
        ValueError: No such energy, or it is not counted in that unit.
    """
    scales = energy_of(energy).scales
    try:
        return scales[unit]
    except KeyError:
        raise ValueError(f"{energy} is not counted in {unit!r}; expected one of {', '.join(scales)}") from None


def to_base(value: float | Decimal, energy: str, unit: str) -> int:
    """A counter's value in base units, half to even.

    A float is taken as the shortest decimal that names it, not as its binary expansion, so 0.0005 kWh is exactly half
    a Wh on every machine.

    Args:
        value: In `unit`.
        energy: Name of the energy.
        unit: One of the energy's units.

    Raises:
        ValueError: No such energy or unit, or the value is not finite or does not fit an int64.
    """
    if not math.isfinite(value):
        raise ValueError(f"{energy}: expected a finite value, got {value}")
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    base = int(EXACT.to_integral_value(EXACT.multiply(exact, scale(energy, unit))))
    if abs(base) > INT64_MAX:
        raise ValueError(f"{energy}: {value} {unit} does not fit the ledger (int64 of {energy_of(energy).base_unit})")
    return base
