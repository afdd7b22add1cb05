"""The points a device can have: name, unit, kind, and what the sign means, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from contract.units import Unit


class Kind(StrEnum):
    """How values of a point behave in time."""

    GAUGE = "gauge"
    """Rises and falls; a mean over time has a meaning."""
    COUNTER = "counter"
    """Only rises, but for reset, rollover and exchange; the ledger lives on these."""
    STATE = "state"
    """One of a few numbers with names."""


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity by its one name in the whole system.

    Attributes:
        name: As in profiles, topics, store and interface.
        unit: Every reading of this point is in this unit.
        kind: Gauge, counter or state.
        sign: What positive and negative mean, where both occur.
        plausible: Smallest and largest value that is believed; others are stored as bad.
        values: Names of a state's numbers where a standard or this system gives them; a profile's own names come first.
    """

    name: str
    unit: Unit
    kind: Kind = Kind.GAUGE
    sign: str = ""
    plausible: tuple[float, float] = (-1e12, 1e12)
    values: Mapping[int, str] = field(default_factory=dict)


_GRID = "Positive: drawn from the grid. Negative: fed back into it."
_HUGE = 1e9


def _phases(name: str, unit: Unit, limits: tuple[float, float], sign: str = "") -> list[Point]:
    return [Point(f"{name}_{phase}", unit, sign=sign, plausible=limits) for phase in "abc"]


_ALL: list[Point] = [
    # electricity
    *_phases("voltage", Unit.VOLT, (0, 1000)),
    *_phases("current", Unit.AMPERE, (-10_000, 10_000)),
    *_phases("power", Unit.WATT, (-5e6, 5e6), _GRID),
    Point("power", Unit.WATT, sign=_GRID, plausible=(-2e7, 2e7)),
    Point("reactive_power", Unit.VAR, sign="Positive: inductive.", plausible=(-2e7, 2e7)),
    Point("power_factor", Unit.NONE, sign="Negative: power is fed back.", plausible=(-1, 1)),
    Point("frequency", Unit.HERTZ, plausible=(0, 500)),
    Point("energy_import", Unit.KILOWATT_HOUR, Kind.COUNTER, plausible=(0, _HUGE)),
    Point("energy_export", Unit.KILOWATT_HOUR, Kind.COUNTER, plausible=(0, _HUGE)),
    # water and gas
    Point("volume", Unit.CUBIC_METRE, Kind.COUNTER, plausible=(0, _HUGE)),
    Point("volume_reverse", Unit.CUBIC_METRE, Kind.COUNTER, plausible=(0, _HUGE)),
    Point("flow", Unit.CUBIC_METRE_PER_HOUR, sign="Negative: backwards.", plausible=(-10_000, 10_000)),
    Point("pressure", Unit.MEGAPASCAL, plausible=(-1, 10)),
    Point("medium_temperature", Unit.CELSIUS, plausible=(-50, 150)),
    Point("battery", Unit.VOLT, plausible=(0, 100)),
    Point("pipe", Unit.NONE, Kind.STATE),
    Point("valve", Unit.NONE, Kind.STATE),
    # heating, ventilation, air-conditioning
    Point("on", Unit.NONE, Kind.STATE),
    Point("fan", Unit.NONE, Kind.STATE),
    Point("fan_actual", Unit.NONE, Kind.STATE),
    Point("mode", Unit.NONE, Kind.STATE),
    Point("lock", Unit.NONE, Kind.STATE),
    Point("setpoint", Unit.CELSIUS, plausible=(-20, 60)),
    Point("room_temperature", Unit.CELSIUS, plausible=(-40, 80)),
    Point("supply_temperature", Unit.CELSIUS, plausible=(-40, 80)),
    Point("outdoor_temperature", Unit.CELSIUS, plausible=(-60, 70)),
    Point("co2", Unit.PPM, plausible=(0, 50_000)),
    Point("filter_pressure", Unit.PASCAL, plausible=(0, 10_000)),
    Point("speed_percent", Unit.PERCENT, plausible=(0, 100)),
    Point("fault", Unit.NONE, Kind.STATE),
    # meeting rooms
    Point("occupied", Unit.NONE, Kind.STATE),
    Point("people", Unit.NONE, plausible=(0, 10_000)),
    Point("lights", Unit.NONE, Kind.STATE),
    Point("screen", Unit.NONE, Kind.STATE),
    Point("scene", Unit.NONE, Kind.STATE),
    # elevators: latched by the controller, since a poll would miss a stop
    Point("floor", Unit.NONE, Kind.STATE),
    Point("direction", Unit.NONE, Kind.STATE, values={0: "standing", 1: "up", 2: "down"}),
    Point("door", Unit.NONE, Kind.STATE),
    Point("load", Unit.PERCENT, plausible=(0, 200)),
    Point("last_stop", Unit.NONE, Kind.STATE),
    Point("stops", Unit.NONE, Kind.COUNTER, plausible=(0, _HUGE)),
    *[Point(f"stops_{n:02d}", Unit.NONE, Kind.COUNTER, plausible=(0, _HUGE)) for n in range(1, 33)],
    Point("parity", Unit.NONE, Kind.STATE, values={0: "every floor", 1: "odd", 2: "even"}),
    Point("running_hours", Unit.SECOND, Kind.COUNTER, plausible=(0, 1e10)),
    # vehicles
    Point("latitude", Unit.DEGREE, sign="Positive: north. WGS-84.", plausible=(-90, 90)),
    Point("longitude", Unit.DEGREE, sign="Positive: east. WGS-84.", plausible=(-180, 180)),
    Point("altitude", Unit.METRE, plausible=(-500, 9000)),
    Point("speed", Unit.KILOMETRE_PER_HOUR, plausible=(0, 300)),
    Point("course", Unit.DEGREE, plausible=(0, 360)),
    Point("located", Unit.NONE, Kind.STATE, values={0: "not located", 1: "located"}),
    Point("ignition", Unit.NONE, Kind.STATE, values={0: "off", 1: "on"}),
    Point("odometer", Unit.KILOMETRE, Kind.COUNTER, plausible=(0, 1e7)),
    Point("fuel_level", Unit.LITRE, plausible=(0, 1000)),
    Point("satellites", Unit.NONE, plausible=(0, 200)),
    Point("signal", Unit.NONE, plausible=(0, 255)),
    Point("emergency_alarm", Unit.NONE, Kind.STATE, values={0: "none", 1: "alarm"}),
    Point("overspeed_alarm", Unit.NONE, Kind.STATE, values={0: "none", 1: "alarm"}),
    Point("report_interval", Unit.SECOND, plausible=(0, 1e6)),
    Point("alarms", Unit.NONE, Kind.STATE, sign="The alarm bits of JT/T 808 as one number."),
    # the gateway itself
    Point("outbox_depth", Unit.NONE, plausible=(0, 1e12)),
    Point("outbox_oldest_age", Unit.SECOND, plausible=(0, 1e12)),
    Point("outbox_bytes", Unit.BYTE, plausible=(0, 1e15)),
    Point("outbox_undated", Unit.NONE, plausible=(0, 1e12)),
    Point("outbox_undatable", Unit.NONE, plausible=(0, 1e12)),
    Point("outbox_refuses", Unit.NONE, Kind.STATE, values={0: "takes rows", 1: "refuses rows"}),
    Point("outbox_set_aside", Unit.NONE, plausible=(0, 1e6)),
    Point("outbox_lost", Unit.NONE, Kind.COUNTER, plausible=(0, 1e15)),
    Point("bus_faults", Unit.NONE, Kind.COUNTER, plausible=(0, 1e15)),
    Point("status", Unit.NONE, Kind.STATE, sign="The status bits of JT/T 808 as one number."),
]

POINTS: dict[str, Point] = {point.name: point for point in _ALL}
