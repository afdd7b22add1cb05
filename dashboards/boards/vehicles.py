"""Official cars: where they are, as numbers, and how they were driven."""

from __future__ import annotations

from dashboards import queries, tiles
from dashboards.board import Board, choice
from dashboards.panels import Size, names, state_timeline, target, timeseries
from dashboards.words import Json, Words

_CHOSEN = queries.chosen("device", "vehicle")
_FEW = 4
"""How many cars' curves are shown before anybody has chosen."""


def board(words: Words) -> Board:
    """For the fleet's dispatcher."""
    plates = words.device_names("vehicle")
    ignition = tiles.state(words, "vehicle", "ignition")
    on = queries.curve("vehicle", "ignition", _CHOSEN, "last")
    return Board(
        "vehicles",
        variables=[choice("vehicle", words("plate"), plates, words, first=list(plates)[:_FEW])],
        panels=[
            tiles.cars(words, Size(24, 12)),
            _curve(words, "speed", "max"),
            _curve(words, "fuel_level", "mean"),
            state_timeline(ignition.title, on, ignition, Size(24, 7), plates),
        ],
    )


def _curve(words: Words, point: str, function: str) -> Json:
    curve = target(queries.curve("vehicle", point, _CHOSEN, function), alias="$tag_device")
    return timeseries(words(f"point.{point}"), [curve], Size(12, 9), names(words.device_names("vehicle")), unit=tiles.unit_of(point))
