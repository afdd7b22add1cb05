"""The whole numbers the ledger counts in: one base unit for each energy, so that sums are exact on every database.

A base unit is small enough that no meter shows less (a thousandth of the factor's unit), and an int64 of it holds
9.2 * 10^15 factor units, more than any institution uses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType

import numpy as np

INT64_MAX = 2**63 - 1
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
"""Room for an int64 times a factor of 30 digits; a caller's own decimal context must not change what the ledger says."""
_SURE_BELOW, _MARGIN = 2.0**40, 1e-3
"""Below the first, a product of two floats is off by less than half of the second."""


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
    base = int(_EXACT.to_integral_value(_EXACT.multiply(exact, scale(energy, unit))))
    if abs(base) > INT64_MAX:
        raise ValueError(f"{energy}: {value} {unit} does not fit the ledger (int64 of {energy_of(energy).base_unit})")
    return base


def all_to_base(values: Sequence[float], energy: str, unit: str) -> list[int | str]:
    """Many counter values in base units, each as `to_base` gives it; of one that does not fit, why.

    Raises:
        ValueError: No such energy or unit.
    """
    factor = float(scale(energy, unit))
    with np.errstate(invalid="ignore", over="ignore"):
        product = np.asarray(values, dtype=np.float64) * factor
        whole = np.rint(product)
        # A product is off by less than the margin, so away from the half between two whole numbers its nearest one is exact.
        sure = (np.abs(product) < _SURE_BELOW) & (np.abs(np.abs(product - whole) - 0.5) > _MARGIN)
        found: list[int | str] = np.where(sure, whole, 0).astype(np.int64).tolist()
    for index in np.flatnonzero(~sure).tolist():
        try:
            found[index] = to_base(values[index], energy, unit)
        except ValueError as error:
            found[index] = str(error)
    return found


def to_factor_unit(amount: int, energy: str) -> Decimal:
    """A ledger amount in the factor's unit (kWh, m3, L, MJ, kg, kgce), exactly.

    Raises:
        ValueError: No such energy.
    """
    return _EXACT.divide(Decimal(amount), energy_of(energy).per_factor_unit)
