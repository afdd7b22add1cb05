"""Water: what was used, from the ledger, and what the meters show now."""

from __future__ import annotations

from dashboards import queries, tiles
from dashboards.board import Board, choice
from dashboards.panels import Column, Size, bar_chart, names, table, target, timeseries
from dashboards.words import Json, Words

_METERS = f"{queries.chosen('meter', 'meter')} AND \"energy\" = 'water'"
"""The ledger holds the meters of all energies, and all of the variable's values mean just any meter."""
_DISTRICT = "\"scope\" = 'district'"
_HALF = 12
"""Columns beside what the meters show now."""


def board(words: Words) -> Board:
    """For whoever looks for a leak, and for the target."""
    meters = words.meter_names("water")
    shown = [indicator for indicator in words.indicators if indicator.sums == "m3"]
    return Board(
        "water",
        start="now-30d",
        refresh="1m",
        variables=[choice("meter", words("meter"), meters, words)],
        panels=[
            *(tiles.target_stat(words, one, _DISTRICT, Size(tiles.beside(len(shown), _HALF), 6, tiles.LAST_WEEK)) for one in shown),
            _now(words),
            timeseries(
                words("water_days"), [target(queries.days(_METERS), alias="$tag_meter")], Size(12, 8), names(meters), unit="m3", bars=True
            ),
            bar_chart(
                words("water_months"),
                queries.day_sums(_METERS),
                Column("Time", ""),
                Size(12, 8, "400d"),
                unit="m3",
                value=words("class.water"),
                month=True,
            ),
            tiles.hourly(words, words("water_hours"), queries.hours(_METERS), Size(12, 8, "48h"), names(meters), unit="m3"),
            bar_chart(
                words("totals"),
                queries.totals(_METERS),
                Column("meter", "", words=meters),
                Size(12, 8),
                unit="m3",
                value=words("class.water"),
            ),
            *(_curve(words, point) for point in ("flow", "pressure")),
        ],
    )


def _now(words: Words) -> Json:
    columns = [
        tiles.device(words("meter"), words.device_names("water")),
        tiles.column(words, "flow", decimals=2),
        tiles.column(words, "pressure", decimals=2),
        tiles.column(words, "medium_temperature", decimals=1),
        tiles.column(words, "battery", decimals=2),
        tiles.state(words, "water", "valve"),
        tiles.state(words, "water", "pipe"),
        tiles.state(words, "water", "fault", ("none",)),
    ]
    return table(words("water_now"), queries.newest("water", [c.name for c in columns[1:]]), columns, Size(12, 6, "24h"))


def _curve(words: Words, point: str) -> Json:
    curve = target(queries.curve("water", point), alias="$tag_device")
    overrides = names(words.device_names("water"))
    return timeseries(words(f"point.{point}"), [curve], Size(12, 8, "24h"), overrides, unit=tiles.unit_of(point))
