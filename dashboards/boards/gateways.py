"""Gateways: what waits on them, how old it is, what was lost, which faults they met."""

from __future__ import annotations

from dashboards import queries, tiles
from dashboards.board import Board, choice
from dashboards.panels import ALARM, TEXT, WARNING, Column, Size, names, table, target, timeseries
from dashboards.words import Json, Words

_CHOSEN = queries.chosen("device", "gateway")
_HEALTH = (
    "outbox_depth",
    "outbox_oldest_age",
    "outbox_bytes",
    "outbox_undated",
    "outbox_undatable",
    "outbox_lost",
    "outbox_refuses",
    "outbox_set_aside",
    "bus_faults",
)
_LIMITS = {
    "outbox_oldest_age": [(0.0, TEXT), (300.0, WARNING), (3600.0, ALARM)],
    "outbox_lost": [(0.0, TEXT), (1.0, ALARM)],
    "outbox_refuses": [(0.0, TEXT), (1.0, ALARM)],
    "outbox_set_aside": [(0.0, TEXT), (1.0, WARNING)],
    "outbox_undatable": [(0.0, TEXT), (1.0, WARNING)],
    "outbox_undated": [(0.0, TEXT), (1.0, WARNING)],
}


def board(words: Words) -> Board:
    """For whoever keeps the gateways."""
    return Board(
        "gateways",
        variables=[choice("gateway", words("gateway"), words.gateways(), words)],
        panels=[tiles.gateways(words, Size(8, 7)), _health(words), *(_curve(words, point) for point in _HEALTH)],
    )


def _health(words: Words) -> Json:
    columns = [
        tiles.device(words("gateway"), words.gateways()),
        *(Column(p, words(f"point.{p}"), tiles.unit_of(p), limits=_LIMITS.get(p, ()), decimals=0) for p in _HEALTH),
    ]
    return table(words("gateway_health"), queries.newest("gateway", _HEALTH), columns, Size(16, 7))


def _curve(words: Words, point: str) -> Json:
    curve = target(queries.curve("gateway", point, _CHOSEN, "max"), alias="$tag_device")
    return timeseries(words(f"point.{point}"), [curve], Size(8, 8), names(words.gateways()), unit=tiles.unit_of(point))
