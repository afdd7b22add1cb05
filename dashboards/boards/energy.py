"""Energy and targets: only what the ledger and the indicators say, so no panel disagrees with the report."""

from __future__ import annotations

from contract.indicator import Definition
from dashboards import queries, tiles
from dashboards.board import Board, choice, scope_choice
from dashboards.panels import Column, Size, bar_chart, names, table, target, timeseries
from dashboards.words import Json, Words

_SCOPE = "\"scope\" = '${scope}'"
_METERS = f"{queries.chosen('meter', 'meter')} AND \"energy\" = 'electricity'"
"""The ledger holds the meters of all energies, and all of the variable's values mean just any meter."""
_YEAR = "400d"
"""This month and the same one a year ago."""


def board(words: Words) -> Board:
    """For the one who answers for the targets."""
    meters = words.meter_names("electricity")
    first = list(words.meter_names("electricity", main=True))
    return Board(
        "energy",
        start="now-30d",
        refresh="5m",
        variables=[scope_choice(words), choice("meter", words("meter"), meters, words, first=first)],
        panels=[
            *(tiles.target_stat(words, indicator, _SCOPE, Size(8, 5, tiles.LAST_WEEK)) for indicator in words.indicators),
            *(_way(words, indicator) for indicator in words.indicators),
            _provenance(words),
            tiles.measured(words, _SCOPE, Size(12, 6, tiles.LAST_WEEK)),
            *_electricity(words, meters),
            tiles.daily(words, words("gas_days"), "natural_gas", "m3", Size(12, 8)),
            tiles.daily(words, words("fuel_days"), "petrol", "litre", Size(12, 8, _YEAR)),
        ],
    )


def _way(words: Words, indicator: Definition) -> Json:
    """What was used, and where there is a target what was expected by then, day by day."""
    titles = {"actual": words("actual")}
    titles |= {} if indicator.target_change is None else {"expected": words("expected"), "target": words("year_limit")}
    where = f"{_SCOPE} AND \"indicator\" = '{indicator.id}'"
    title = words("way").format(name=words.name(indicator.name), unit=words(f"unit.{indicator.unit}"))
    curves = [target(queries.figure_days(name, where), alias=name) for name in titles]
    return timeseries(title, curves, Size(8, 7, _YEAR), names(titles), steps=True)


def _provenance(words: Words) -> Json:
    columns = [
        Column("indicator", words("indicator"), words=words.indicator_names()),
        *(Column(share, words(f"share.{share}"), "percentunit", decimals=1) for share in queries.SHARES),
    ]
    return table(words("provenance"), queries.figures(queries.SHARES, _SCOPE), columns, Size(12, 6, tiles.LAST_WEEK))


def _electricity(words: Words, meters: dict[str, str]) -> list[Json]:
    """Of the chosen meters: by day, by month, by hour, in all, and where each day's figure comes from."""
    shares = [Column(share, words(f"share.{share}"), "percentunit", decimals=1) for share in queries.SHARES]
    meter = Column("meter", words("meter"), words=meters)
    return [
        timeseries(
            words("days"), [target(queries.days(_METERS), alias="$tag_meter")], Size(12, 8), names(meters), unit="kwatth", bars=True
        ),
        bar_chart(
            words("months"),
            queries.day_sums(_METERS),
            Column("Time", ""),
            Size(12, 8, _YEAR),
            unit="kwatth",
            value=words("electricity"),
            month=True,
        ),
        tiles.hourly(words, words("hours"), queries.hours(_METERS), Size(12, 8, "48h"), names(meters), unit="kwatth"),
        bar_chart(
            words("totals"),
            queries.totals(_METERS),
            Column("meter", "", words=meters),
            Size(12, 8),
            unit="kwatth",
            value=words("electricity"),
        ),
        table(words("provenance_day"), queries.day_shares(_METERS), [meter, *shares], Size(24, 8, tiles.LAST_WEEK)),
    ]
