"""The wall: every tile of /wall but the alerts, on one screen of 24 columns by 28 rows."""

from __future__ import annotations

from dashboards import tiles
from dashboards.board import Board
from dashboards.panels import Size
from dashboards.words import Words

_DISTRICT = "\"scope\" = 'district'"


def board(words: Words) -> Board:
    """For a wall screen in kiosk mode."""
    width = tiles.beside(len(words.indicators) + 1)
    return Board(
        "wall",
        refresh="10s",
        panels=[
            *(tiles.target_stat(words, indicator, _DISTRICT, Size(width, 5, tiles.LAST_WEEK)) for indicator in words.indicators),
            tiles.measured(words, _DISTRICT, Size(width, 5, tiles.LAST_WEEK)),
            tiles.load(words, words("load_today"), Size(9, 7, "now/d")),
            tiles.load(words, words("load_last_year"), Size(9, 7, "now/d", "1y")),
            tiles.main_power(words, Size(6, 7)),
            tiles.zone_temperatures(words, Size(12, 8)),
            tiles.zones(words, Size(12, 8)),
            tiles.lifts(words, Size(8, 8)),
            tiles.cars(words, Size(8, 8)),
            tiles.daily(words, words("water_days"), "water", "m3", Size(4, 8, tiles.LAST_WEEK)),
            tiles.gateways(words, Size(4, 8)),
        ],
    )
