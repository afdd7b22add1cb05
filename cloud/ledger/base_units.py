"""Amounts between counters, the ledger's whole numbers and the units that people read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

import numpy as np

from contract.coded import Message
from contract.energies import ENERGIES, EXACT, INT64_MAX, energy_of, scale, to_base

__all__ = ["ENERGIES", "INT64_MAX", "all_to_base", "energy_of", "scale", "to_base", "to_factor_unit"]

_SURE_BELOW, _MARGIN = 2.0**40, 1e-3
"""Below the first, a product of two floats is off by less than half of the second."""


def all_to_base(values: Sequence[float], energy: str, unit: str) -> list[int | Message]:
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
        found: list[int | Message] = np.where(sure, whole, 0).astype(np.int64).tolist()
    for index in np.flatnonzero(~sure).tolist():
        try:
            found[index] = to_base(values[index], energy, unit)
        except ValueError:
            found[index] = _misfit(values[index], energy, unit)
    return found


def _misfit(value: float, energy: str, unit: str) -> Message:
    """Why a value is no amount of the ledger."""
    if not isfinite(value):
        return Message("reason.no_number", energy=energy, value=str(value))
    return Message("reason.no_fit", energy=energy, value=value, unit=unit, base=energy_of(energy).base_unit)


def to_factor_unit(amount: int, energy: str) -> Decimal:
    """A ledger amount in the factor's unit (kWh, m3, L, MJ, kg, kgce), exactly.

    Raises:
        ValueError: No such energy.
    """
    return EXACT.divide(Decimal(amount), energy_of(energy).per_factor_unit)
