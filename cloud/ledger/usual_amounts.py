"""The most that a month's amount can be: what no meter of its energy passes, what its branch can draw, what the meter used before."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import sqlalchemy as sa

from cloud.ledger import periods
from cloud.ledger.base_units import energy_of, to_base, to_factor_unit
from cloud.ledger.model import MeterKey
from cloud.ledger.queries import meters
from cloud.ledger.repository import hours
from contract.point import POINTS

_MOST: Mapping[str, int] = MappingProxyType(
    {
        "electricity": 7_500_000,
        "water": 600_000,
        "natural_gas": 7_500_000,
        "petrol": 500_000,
        "diesel": 500_000,
        "heat": 27_000_000,
        "coal": 5_000_000,
        "lpg": 500_000,
        "other": 5_000_000,
    }
)
"""In a month, in the factor's unit: a 10 MVA feeder, DN 300 at 3 m/s, 10 000 m3/h of gas, 10 MW of heat, and for fuels many
times what a district's offices buy."""
_WITHOUT_DEVICE = 100
"""What is only entered may be the sum of a whole city's meters, such as a year of its statistics: so many times the above."""
_TIMES = 10
"""An amount beyond so many times the meter's largest month is one digit too long rather than true."""
_UNSEEN = Decimal("0.01")
"""Up to this part of the above nothing is doubted: a meter may begin small."""
_NEAR_MS = 800 * periods.DAY_MS
"""How far back a meter's months are looked at: a year and the one before."""


def beyond(connection: sa.Connection, meter: MeterKey, month: str, amount: int, *, unusual: bool) -> str | None:
    """Why an amount cannot be what a meter used in a month; None if it can.

    Args:
        connection: To the ledger.
        meter: In the registry.
        month: YYYY-MM.
        amount: Base units.
        unusual: Somebody said that it is right though the meter never used as much.
    """
    known = meters.registered(connection, meter)
    energy = known.energy
    most = _MOST[energy] * int(energy_of(energy).per_factor_unit)
    ceiling = most * (_WITHOUT_DEVICE if known.device is None else 1)
    if amount > ceiling:
        return f"expected at most {_shown(ceiling, energy)}, which no meter of {energy} passes in a month, got {_shown(amount, energy)}"
    if known.max_rate is not None and known.point in POINTS:
        number = 24 * calendar.monthrange(*map(int, month.split("-")))[1]
        rate = to_base(known.max_rate, energy, POINTS[known.point].unit.value)
        if amount > rate * number:
            why = f"max_rate of {meter} for {number} hours"
            return f"expected at most {_shown(rate * number, energy)} ({why}), got {_shown(amount, energy)}"
    largest = _largest(connection, meter, month)
    if unusual or largest is None or amount <= max(_TIMES * largest[1], int(most * _UNSEEN)):
        return None
    usual = f"{_TIMES} times {_shown(largest[1], energy)} of {largest[0]}, the largest month of {meter}"
    return f"expected at most {usual}, got {_shown(amount, energy)}; if it is right, say so (import --unusual)"


def _shown(amount: int, energy: str) -> str:
    return f"{to_factor_unit(amount, energy).normalize():f} {energy_of(energy).factor_unit}"


def _largest(connection: sa.Connection, meter: MeterKey, month: str) -> tuple[str, int] | None:
    """The month in which the meter used most within two years of one, that month left out, and how much."""
    begin, _ = periods.month_bounds(month)
    sums: dict[str, int] = {}
    for hour, amount in hours.amounts(connection, meter, begin - _NEAR_MS, begin + _NEAR_MS):
        name = f"{periods.local_date(hour):%Y-%m}"
        sums[name] = sums.get(name, 0) + amount
    sums.pop(month, None)
    return max(sums.items(), key=lambda item: item[1]) if sums else None
