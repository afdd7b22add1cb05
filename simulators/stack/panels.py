"""What a Grafana panel would send to InfluxDB: the queries of the generated dashboards with their variables replaced.

Whoever compares a figure on another screen with Grafana's asks here: `queries` of a dashboard, `ask` one of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx

from simulators.stack.influxd import Influxd

FOLDER = Path(__file__).parents[2] / "dashboards" / "grafana"
_ZONE = timezone(timedelta(hours=8))
"""Time zone of the dashboards, Asia/Shanghai, which has no summer time."""
_PIXELS = 80
"""Of a column of 24 on a screen of 1920; a panel asks for about one point a pixel where it states no number."""
_ROUNDED = {
    90: "1m", 210: "2m", 450: "5m", 750: "10m", 1_050: "15m", 1_500: "20m", 2_700: "30m", 5_400: "1h", 9_000: "2h", 16_200: "3h",
    32_400: "6h", 86_400: "12h", 604_800: "1d", 1_814_400: "1w", 3_628_800: "30d",
}  # fmt: skip
"""What Grafana takes for an interval that is shorter than so many seconds (`roundInterval` of its package data)."""
_HOURS = {"h": 1, "d": 24}
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


class PanelError(ValueError):
    """A dashboard says something that this module does not understand, or InfluxDB refused a query."""


@dataclass(frozen=True)
class PanelQuery:
    """One query as it would be sent.

    Attributes:
        board: Uid of the dashboard.
        panel: Title of the panel.
        letter: The query's refId.
        text: InfluxQL without any variable.
    """

    board: str
    panel: str
    letter: str
    text: str


@dataclass(frozen=True)
class Rows:
    """One series of an answer: its tags, and its rows by column; `time` in ms."""

    tags: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]


def boards(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Every generated dashboard by its uid."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))]
    return {board["uid"]: board for board in found}


def queries(uid: str, now: int, chosen: Mapping[str, Sequence[str]] | None = None, *, since: int | None = None) -> Iterator[PanelQuery]:
    """Every query of a dashboard at a moment.

    Args:
        uid: Of the dashboard, such as `jieyue-wall`.
        now: ms since 1970 in UTC.
        chosen: Values of variables, in the place of those that the dashboard starts with.
        since: Begin of the time that a person chose by its dates, ms; Grafana then heeds no panel's own time.

    Raises:
        KeyError: There is no such dashboard.
        PanelError: A time or a variable that is not understood.
    """
    board = boards()[uid]
    values = {v["name"]: _chosen(v) for v in board["templating"]["list"]} | dict(chosen or {})
    for panel in board["panels"]:
        start = _moment(panel.get("timeFrom") or board["time"]["from"], now) if since is None else since
        shift = panel.get("timeShift", "")
        times = f"time >= {_earlier(start, shift)}ms AND time <= {_earlier(now, shift)}ms"
        builtin = {"timeFilter": [times], "__interval": [_interval(panel, (now - start) // 1000)]}
        for target in panel["targets"]:
            yield PanelQuery(uid, panel["title"], target["refId"], _replaced(target["query"], values | builtin))


def ask(influxd: Influxd, database: str, query: PanelQuery) -> list[Rows]:
    """The answer of InfluxDB to a panel's query, a series each.

    Raises:
        PanelError: InfluxDB says that the query is wrong.
    """
    where = f"{query.board}, {query.panel}, {query.letter}"
    try:
        result = influxd.post("/query", db=database, q=query.text, epoch="ms").json()["results"][0]
    except httpx.HTTPStatusError as error:
        raise PanelError(f"{where}: {error.response.text.strip()}: {query.text}") from error
    if "error" in result:
        raise PanelError(f"{where}: {result['error']}: {query.text}")
    return [
        Rows(series.get("tags", {}), [dict(zip(series["columns"], row, strict=True)) for row in series["values"]])
        for series in result.get("series", [])
    ]


def _interval(panel: Mapping[str, Any], seconds: int) -> str:
    """What `$__interval` is in a panel that shows so long a time: the time by its points, rounded, and not below its least."""
    points = panel.get("maxDataPoints") or panel["gridPos"]["w"] * _PIXELS
    names = list(_ROUNDED.values())
    rounded = next((text for limit, text in _ROUNDED.items() if seconds / points < limit), names[-1])
    return max(rounded, str(panel.get("interval", names[0])), key=names.index)


def _chosen(variable: Mapping[str, Any]) -> list[str]:
    """What a variable stands at when the dashboard is opened."""
    value = variable["current"]["value"]
    values = [value] if isinstance(value, str) else list(value)
    return [variable["allValue"]] if "$__all" in values else values


def _replaced(text: str, values: Mapping[str, Sequence[str]]) -> str:
    def one(found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2]
        if name not in values:
            raise PanelError(f"variable {name!r} is not declared: {text}")
        if form == "regex":
            return values[name][0] if len(values[name]) == 1 else f"({'|'.join(map(_escaped, values[name]))})"
        return values[name][0]

    return _VARIABLE.sub(one, text)


def _escaped(text: str) -> str:
    return re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", text)


def _moment(text: str, now: int) -> int:
    """Begin of a time such as `now-24h`, `8d` or `now/d`, ms."""
    if text == "now/d":
        midnight = datetime.fromtimestamp(now / 1000, _ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        return int(midnight.timestamp() * 1000)
    found = re.fullmatch(r"(?:now-)?(\d+)([hd])", text)
    if found is None:
        raise PanelError(f"a time that is not understood: {text}")
    return now - int(found[1]) * _HOURS[found[2]] * 3_600_000


def _earlier(at: int, shift: str) -> int:
    """A time moved back by `1y`, to the same date and hour; not moved without a shift."""
    if not shift:
        return at
    if shift != "1y":
        raise PanelError(f"a shift that is not understood: {shift}")
    moment = datetime.fromtimestamp(at / 1000, _ZONE)
    day = min(moment.day, 28) if moment.month == 2 else moment.day  # noqa: PLR2004 - 29 February has no year before
    return int(moment.replace(year=moment.year - 1, day=day).timestamp() * 1000)
