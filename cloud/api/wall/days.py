"""Electricity and water of today beside the same day last year, from the ledger that `/api/v1/consumption` reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cloud.api.wall.newest import Newest
from cloud.api.wall.schemas import Hour, Load, Shown, Water
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.counters import Provenance
from cloud.ledger.model import Meter
from cloud.ledger.periods import DAY_MS, HOUR_MS, a_year_earlier, floor
from cloud.ledger.queries.consumption import by_period
from cloud.ledger.queries.meters import meters
from contract.clock import iso, parse_time
from contract.units import Unit, factor

NIGHT_HOURS = 5
"""The first hours of a day, in which nobody should draw water."""
ELECTRICITY, WATER, POWER = "electricity", "water", "power"
_KILO = float(factor(Unit.WATT, Unit.KILOWATT))
ByHour = Mapping[int, Mapping[Provenance, int]]


@dataclass(frozen=True, slots=True)
class Side:
    """The complete hours of one day: base units by begin (ms), only those that all main meters have."""

    energy: str
    midnight: int
    hours: Mapping[int, int]
    measured: Mapping[int, int]

    def shown(self) -> list[Hour]:
        """As the interface gives them."""
        return [Hour(start=iso(at), value=self.value(amount)) for at, amount in self.hours.items()]

    def value(self, amount: int) -> float:
        """Base units in the factor's unit."""
        return float(to_factor_unit(amount, self.energy))

    def total(self, number: int) -> int | None:
        """Base units of the first hours of the day; None if one is unknown, or there is none."""
        wanted = range(self.midnight, self.midnight + number * HOUR_MS, HOUR_MS)
        return sum(self.hours[at] for at in wanted) if number and all(at in self.hours for at in wanted) else None

    def least(self, number: int) -> float | None:
        """The least of the first hours, if all of them are known."""
        known = [amount for at, amount in self.hours.items() if at < self.midnight + number * HOUR_MS]
        return self.value(min(known)) if known and len(known) == number else None


@dataclass(frozen=True, slots=True)
class Days:
    """Both days of both energies; asked for anew when an hour of the ledger can have changed."""

    midnight: int
    complete: int
    """How many hours of today are over."""
    sides: dict[str, tuple[Side, Side]]
    devices: Sequence[str]
    """The devices of the main electricity meters."""


@dataclass
class _Sum:
    amounts: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    measured: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    meters: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))


def days(connection: sa.Connection, group: str, now: int) -> Days:
    """Today's complete hours and last year's whole day; three queries."""
    midnight, until = floor(now, "day"), floor(now, "hour")
    mains = [meter for meter in meters(connection, group) if meter.main and meter.energy in {ELECTRICITY, WATER}]
    names = [meter.id for meter in mains]
    earlier = a_year_earlier(midnight)
    used = {
        midnight: by_period(connection, group, names, midnight, until, "hour"),
        earlier: by_period(connection, group, names, earlier, earlier + DAY_MS, "hour"),
    }
    sides = {
        energy: (_side(energy, mains, midnight, used[midnight]), _side(energy, mains, earlier, used[earlier]))
        for energy in (ELECTRICITY, WATER)
    }
    devices = [meter.device for meter in mains if meter.energy == ELECTRICITY and meter.device is not None]
    return Days(midnight, (until - midnight) // HOUR_MS, sides, devices)


def _side(energy: str, of: Sequence[Meter], midnight: int, used: Mapping[str, ByHour]) -> Side:
    mains = [meter.id for meter in of if meter.energy == energy]
    added = _Sum()
    for name in mains:
        for at, by_provenance in used.get(name, {}).items():
            added.amounts[at] += sum(by_provenance.values())
            added.measured[at] += by_provenance.get(Provenance.MEASURED, 0)
            added.meters[at] += 1
    whole = {at: added.amounts[at] for at in sorted(added.amounts) if added.meters[at] == len(mains)}
    return Side(energy, midnight, whole, added.measured)


def _day(found: Days, energy: str) -> dict[str, Any]:
    today, earlier = found.sides[energy]
    used, before = today.total(found.complete), earlier.total(found.complete)
    return {
        "unit": energy_of(energy).factor_unit,
        "hours": today.shown(),
        "last_year_hours": earlier.shown(),
        "until": iso(found.midnight + found.complete * HOUR_MS),
        "value": None if used is None else today.value(used),
        "last_year": None if before is None else earlier.value(before),
        "change": used / before - 1 if used is not None and before else None,
        "measured": sum(today.measured[at] for at in today.hours) / used if used else None,
    }


def load(found: Days, newest: Newest) -> Load:
    """Electricity today, and what all main meters draw now."""
    return Load(**_day(found, ELECTRICITY), now=_drawn(found.devices, newest), hour_change=_hour_change(found))


def _hour_change(found: Days) -> float | None:
    """Of the last complete hour against the same hour last year: what is drawn at a moment compares with no mean of an hour."""
    since = (found.complete - 1) * HOUR_MS
    used, before = (side.hours.get(side.midnight + since) for side in found.sides[ELECTRICITY])
    return used / before - 1 if used is not None and before else None


def _drawn(devices: Sequence[str], newest: Newest) -> Shown:
    """The sum (kW) if every main meter tells its power; else nothing, since when."""
    parts = [newest.shown(name, POWER) for name in devices]
    since = min((parse_time(part.since) for part in parts if part.since is not None), default=None)
    values = [part.value for part in parts if part.value is not None and part.since is None]
    whole = bool(parts) and len(values) == len(parts)
    return Shown(value=sum(values) * _KILO if whole else None, since=None if since is None else iso(since))


def water(found: Days) -> Water:
    """Water today, and the least of the night."""
    today, earlier = found.sides[WATER]
    number = min(NIGHT_HOURS, found.complete)
    return Water(**_day(found, WATER), night=today.least(number), last_year_night=earlier.least(number))
