"""A dashboard as somebody would add it."""

from __future__ import annotations

from dashboards import queries
from dashboards.board import Board
from dashboards.panels import Size, names, target, timeseries
from dashboards.words import Words


def board(words: Words) -> Board:
    """What each meter used, by the day."""
    meters = words.meter_names("electricity")
    days = [target(queries.days("\"energy\" = 'electricity'"), alias="$tag_meter")]
    return Board("trial", panels=[timeseries(words("days"), days, Size(24, 8), names(meters), unit="kwatth", bars=True)])
