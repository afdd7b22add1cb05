"""Air-conditioning, fresh air, meeting rooms and elevators."""

from __future__ import annotations

from dashboards import queries, tiles
from dashboards.board import Board, choice
from dashboards.panels import Size, names, state_timeline, table, target, timeseries
from dashboards.words import Json, Words

_ZONES = queries.chosen("device", "zone")
_FRESH_AIR = ("co2", "supply_temperature", "room_temperature", "outdoor_temperature", "filter_pressure", "speed_percent")


def board(words: Words) -> Board:
    """For the technician who looks after plant."""
    return Board(
        "hvac",
        variables=[choice("zone", words("zone"), words.device_names("hvac"), words)],
        panels=[
            tiles.zones(words, Size(24, 9)),
            _curve(words, "room_temperature"),
            _curve(words, "setpoint", steps=True),
            _states(words, "hvac", "on", _ZONES, Size(12, 8)),
            _states(words, "hvac", "fan_actual", _ZONES, Size(12, 8)),
            _fresh_air(words),
            _rooms(words),
            _curve(words, "co2", "meeting_room"),
            _states(words, "meeting_room", "occupied", "", Size(12, 8)),
            tiles.lifts(words, Size(24, 7)),
            _states(words, "elevator", "mode", "", Size(8, 8)),
            _states(words, "elevator", "parity", "", Size(8, 8)),
            _stops(words),
        ],
    )


def _curve(words: Words, point: str, device_class: str = "hvac", *, steps: bool = False) -> Json:
    where = _ZONES if device_class == "hvac" else ""
    curve = target(queries.curve(device_class, point, where, "last" if steps else "mean"), alias="$tag_device")
    overrides = names(words.device_names(device_class))
    return timeseries(words(f"point.{point}"), [curve], Size(12, 8), overrides, unit=tiles.unit_of(point), steps=steps)


def _states(words: Words, device_class: str, point: str, where: str, size: Size) -> Json:
    column = tiles.state(words, device_class, point)
    title = f"{words(f'class.{device_class}')} · {column.title}"
    return state_timeline(title, queries.curve(device_class, point, where, "last"), column, size, words.device_names(device_class))


def _fresh_air(words: Words) -> Json:
    columns = [
        tiles.device(words("device_name"), words.device_names("fresh_air")),
        *(tiles.column(words, point, decimals=0 if point == "co2" else 1) for point in _FRESH_AIR),
        tiles.state(words, "fresh_air", "on"),
        tiles.state(words, "fresh_air", "fault", ("none",)),
    ]
    query = queries.newest("fresh_air", [c.name for c in columns[1:]])
    return table(words("class.fresh_air"), query, columns, Size(12, 7))


def _rooms(words: Words) -> Json:
    columns = [
        tiles.device(words("class.meeting_room"), words.device_names("meeting_room")),
        tiles.state(words, "meeting_room", "occupied"),
        tiles.column(words, "people"),
        tiles.column(words, "co2"),
        tiles.column(words, "room_temperature", decimals=1),
        tiles.column(words, "power"),
        *(tiles.state(words, "meeting_room", point) for point in ("lights", "screen")),
    ]
    query = queries.newest("meeting_room", [c.name for c in columns[1:]])
    return table(words("rooms"), query, columns, Size(12, 7))


def _stops(words: Words) -> Json:
    overrides = names(words.device_names("elevator"))
    return tiles.hourly(words, words("stops"), queries.counted("elevator", "stops"), Size(8, 8), overrides, alias="$tag_device")
