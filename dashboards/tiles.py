"""Panels that stand on more than one dashboard: targets, zones, elevators, cars, gateways, meters."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from contract.indicator import Definition
from contract.point import POINTS
from contract.units import Unit
from dashboards import queries
from dashboards.board import COLUMNS
from dashboards.panels import ACCENT, ALARM, OFF, OK, TEXT, WARNING, Column, Size, gauge, names, stat, table, target, timeseries
from dashboards.words import Json, Words

_STATUS = {0: "no_figure", 1: "no_baseline", 2: "ahead", 3: "at_risk", 4: "missed", 5: "met", 6: "met_noted"}
_STATUS_COLOURS = {0: OFF, 1: OFF, 2: OK, 3: WARNING, 4: ALARM, 5: OK, 6: OK}
_OVER = [(0.0, OK), (0.0, WARNING)]
"""Colours of a difference to what was expected: less is good."""
_UNITS = {
    Unit.CELSIUS: "celsius",
    Unit.PERCENT: "percent",
    Unit.PPM: "ppm",
    Unit.PASCAL: "pressurepa",
    Unit.WATT: "watt",
    Unit.VOLT: "volt",
    Unit.SECOND: "s",
    Unit.BYTE: "bytes",
    Unit.KILOMETRE_PER_HOUR: "velocitykmh",
    Unit.KILOMETRE: "suffix: km",
    Unit.LITRE: "litre",
    Unit.CUBIC_METRE: "m3",
    Unit.CUBIC_METRE_PER_HOUR: "suffix: m³/h",
    Unit.MEGAPASCAL: "suffix: MPa",
    Unit.DEGREE: "degree",
    Unit.NONE: "",
}
"""Units of points as Grafana names them; a point's unit that is not here ends the generator."""
_MOST_BARS = 300
"""Of a panel by the hour; Grafana then takes longer intervals: hours up to 18 days, a day from ten months on."""
LAST_WEEK = "8d"
"""The newest figures are those of the last complete day, and a ledger day stands at its beginning."""


def unit_of(point: str) -> str:
    """A point's unit as Grafana names it.

    Raises:
        KeyError: The point or its unit is not known here.
    """
    return _UNITS[POINTS[point].unit]


def column(words: Words, point: str, *, decimals: int | None = None) -> Column:
    """A point that is a number."""
    return Column(point, words(f"point.{point}"), unit_of(point), decimals=decimals)


def state(words: Words, device_class: str, point: str, sound: Collection[str] = ()) -> Column:
    """A point that is a state, in words; where some states are sound, all others that have a name are coloured as alarms."""
    meanings = words.meanings(device_class, point)
    alarms = [number for number, name in meanings.items() if sound and name not in sound]
    return Column(point, words(f"point.{point}"), words=words.states(device_class, point), colours=dict.fromkeys(alarms, ALARM))


def device(title: str, by_id: Mapping[str, str]) -> Column:
    """The tag's column, with names for ids."""
    return Column("device", title, words=by_id)


def beside(number: int, whole: int = COLUMNS) -> int:
    """How wide each of some panels is that stand beside each other, in columns; three at least, which hold what a panel says."""
    return max(whole // number, 3)


def target_stat(words: Words, indicator: Definition, where: str, size: Size) -> Json:
    """An indicator: change against last year, what was asked, distance from the pace, what may still be used, status.

    One without a target: the value in the place of what a target asks.
    """
    columns = [Column("change", words("change"), "percentunit", decimals=1)]
    if indicator.target_change is None:
        unit = words(f"unit.{indicator.unit}")
        columns.append(Column("actual", words("actual"), f"suffix: {unit}", decimals=indicator.digits.page))
    else:
        columns += _aim(words, indicator)
    query = queries.figures([c.name for c in columns], f"{where} AND \"indicator\" = '{indicator.id}'")
    return stat(words(f"indicator.{indicator.id}"), [target(query, table=True)], size, [c.override() for c in columns])


def _aim(words: Words, indicator: Definition) -> list[Column]:
    """How a target stands."""
    return [
        Column("target_change", words("target"), "percentunit", decimals=1),
        Column("gap", words("gap"), "percentunit", limits=_OVER, decimals=1),
        Column("allowance", words("allowance"), f"suffix: {indicator.sums}", decimals=0),
        Column("status", words("state"), words={n: words(f"status.{s}") for n, s in _STATUS.items()}, colours=_STATUS_COLOURS),
    ]


def measured(words: Words, where: str, size: Size) -> Json:
    """The share of each indicator's figure that devices measured."""
    query = target(queries.figures(["measured"], where), alias="$tag_indicator")
    return gauge(words("measured"), [query], size, names(words.indicator_names()), limits=[(0, WARNING), (0.95, OK)])


def load(words: Words, title: str, size: Size) -> Json:
    """Electricity of the main meters by hour, stacked, so that a meter that lacks is seen to lack."""
    by_id = words.meter_names("electricity", main=True)
    return hourly(words, title, queries.hours(queries.among("meter", by_id)), size, names(by_id), unit="kwatth")


def hourly(words: Words, title: str, query: str, size: Size, overrides: list[Json], *, unit: str = "", alias: str = "$tag_meter") -> Json:
    """Bars of an hour each, stacked; where a person looks at so long a time that they would be too many, of the mean hour."""
    panel = timeseries(title, [target(query, alias=alias)], size, overrides, unit=unit, bars=True)
    return panel | {"interval": "1h", "maxDataPoints": _MOST_BARS, "description": words("about.hours")}


def daily(words: Words, title: str, energy: str, unit: str, size: Size) -> Json:
    """What the main meters of an energy counted by day."""
    by_id = words.meter_names(energy, main=True)
    query = target(queries.days(queries.among("meter", by_id)), alias="$tag_meter")
    return timeseries(title, [query], size, names(by_id), unit=unit, bars=True)


def zone_temperatures(words: Words, size: Size) -> Json:
    """The room temperature of each zone, large."""
    query = target(queries.newest("hvac", ["room_temperature"]), alias="$tag_device")
    limits = [(0.0, WARNING), (16.0, TEXT), (28.0, WARNING)]
    return stat(words("zones"), [query], size, names(words.device_names("hvac")), unit="celsius", limits=limits)


def zones(words: Words, size: Size) -> Json:
    """Set-point, fan, power and mode of each zone."""
    columns = [
        device(words("zone"), words.device_names("hvac")),
        column(words, "room_temperature", decimals=1),
        column(words, "setpoint", decimals=1),
        *(state(words, "hvac", point) for point in ("on", "mode", "fan", "fan_actual", "valve")),
    ]
    return table(words("zone_states"), queries.newest("hvac", [c.name for c in columns[1:]]), columns, size)


def lifts(words: Words, size: Size) -> Json:
    """Each car: floor, direction, door, load, odd or even, mode, fault."""
    columns = [
        device(words("class.elevator"), words.device_names("elevator")),
        column(words, "floor"),
        state(words, "elevator", "direction"),
        state(words, "elevator", "door"),
        column(words, "load"),
        state(words, "elevator", "parity"),
        state(words, "elevator", "mode", ("normal", "inspection")),
        state(words, "elevator", "fault", ("none",)),
    ]
    return table(words("lifts"), queries.newest("elevator", [c.name for c in columns[1:]]), columns, size)


def cars(words: Words, size: Size, where: str = "") -> Json:
    """Each car; its place as numbers, since a map would need tiles from the internet."""
    columns = [
        device(words("plate"), words.device_names("vehicle")),
        column(words, "speed", decimals=0),
        state(words, "vehicle", "ignition"),
        state(words, "vehicle", "located"),
        column(words, "latitude", decimals=5),
        column(words, "longitude", decimals=5),
        column(words, "odometer", decimals=0),
        column(words, "fuel_level", decimals=0),
    ]
    query = queries.newest("vehicle", [c.name for c in columns[1:]], where)
    return table(words("vehicles"), query, columns, size, sort=words("point.speed"))


def gateways(words: Words, size: Size) -> Json:
    """When each gateway last spoke, and how many rows wait on it."""
    columns = [device(words("gateway"), words.gateways()), _depth(words)]
    return table(words("gateways"), queries.newest("gateway", ["outbox_depth"]), columns, size, time=words("age"))


def _depth(words: Words) -> Column:
    return Column("outbox_depth", words("point.outbox_depth"), limits=[(0, TEXT), (500, WARNING), (5000, ALARM)], decimals=0)


def main_power(words: Words, size: Size) -> Json:
    """What each main meter shows now, and how old that is."""
    by_id = words.meter_names("electricity", main=True)
    devices = {str(m.device): by_id[m.id] for m in words.site.meters if m.id in by_id}
    query = queries.newest("electricity", ["power"], queries.among("device", devices))
    columns = [device(words("meter"), devices), Column("power", words("point.power"), "watt", limits=[(0, ACCENT)])]
    return table(words("power_now"), query, columns, size, time=words("age"))
