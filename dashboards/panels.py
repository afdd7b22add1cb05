"""Panels as plain data, in the form that Grafana 10 to 13 read: small functions, each gives one JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dashboards.words import Json

SOURCE: Json = {"type": "influxdb", "uid": "jieyue-influx"}
"""The only data source; provisioning gives it this uid."""
_NEWEST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_TIME = "Time"

TEXT, OK, WARNING, ALARM, OFF, ACCENT = "text", "#34d399", "#fbbf24", "#f87171", "#64748b", "#38bdf8"
"""Colour is for state only; the same colours as on the wall."""


@dataclass(frozen=True)
class Column:
    """A field of a query as a person sees it.

    Attributes:
        name: In the query's answer.
        title: For people; empty where Grafana finds the field by its own name, as the axis of a bar chart.
        unit: As Grafana names units, such as `kwatth`; empty for none.
        words: For states and ids: what stands for a value.
        colours: By value of a state.
        limits: (from this value on, colour), rising; the first holds below the second whatever it says.
        decimals: Digits after the point; None lets Grafana choose.
    """

    name: str
    title: str
    unit: str = ""
    words: Mapping[int, str] | Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    limits: Sequence[tuple[float, str]] = ()
    decimals: int | None = None

    def override(self) -> Json:
        """What Grafana is told about the field."""
        properties: list[Json] = [{"id": "displayName", "value": self.title}] if self.title else []
        if self.unit:
            properties.append({"id": "unit", "value": self.unit})
        if self.decimals is not None:
            properties.append({"id": "decimals", "value": self.decimals})
        if self.words:
            properties.append({"id": "mappings", "value": [self._mapping()]})
        if self.limits:
            properties.append({"id": "thresholds", "value": thresholds(self.limits)})
        return {"matcher": {"id": "byName", "options": self.name}, "properties": properties}

    def _mapping(self) -> Json:
        plain = {str(value): {"index": index, "text": text} for index, (value, text) in enumerate(self.words.items())}
        return {"type": "value", "options": {v: o | _colour(self.colours, v) for v, o in plain.items()}}


def _colour(colours: Mapping[int, str], value: str) -> Json:
    return {"color": colours[int(value)]} if value.isdigit() and int(value) in colours else {}


def thresholds(limits: Sequence[tuple[float, str]]) -> Json:
    """Limits with their colours; Grafana wants the first without a value."""
    steps = [{"color": colour, "value": None if index == 0 else limit} for index, (limit, colour) in enumerate(limits)]
    return {"mode": "absolute", "steps": steps}


def target(query: str, *, table: bool = False, alias: str = "") -> Json:
    """A query; its refId is given when it is placed in a panel."""
    shape: Json = {"datasource": SOURCE, "query": query, "rawQuery": True, "resultFormat": "table" if table else "time_series"}
    return shape | ({"alias": alias} if alias else {})


def names(by_id: Mapping[str, str]) -> list[Json]:
    """Overrides that show a curve, whose alias is an id, under its name."""
    return [Column(name, title).override() for name, title in by_id.items()]


@dataclass(frozen=True)
class Size:
    """Columns of 24, rows of 30 px, and the time of the panel where it is not the dashboard's."""

    width: int
    height: int
    span: str = ""
    """Such as `8d`, or `now/d` for today."""
    shift: str = ""
    """Such as `1y`: the same span so much earlier."""

    def place(self) -> Json:
        """What a panel says of it; the board adds where it stands."""
        times: Json = {"timeFrom": self.span} if self.span else {}
        times |= {"timeShift": self.shift} if self.shift else {}
        return {"gridPos": {"w": self.width, "h": self.height}} | (times | {"hideTimeOverride": True} if times else {})


def _panel(kind: str, title: str, targets: Iterable[Json], size: Size, *, defaults: Json, overrides: list[Json], options: Json) -> Json:
    lettered = [{**each, "refId": chr(ord("A") + index)} for index, each in enumerate(targets)]
    config = {"defaults": {"mappings": [], **defaults}, "overrides": overrides}
    return {
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "targets": lettered,
        "fieldConfig": config,
        "options": options,
    } | size.place()


def table(title: str, query: str, columns: Sequence[Column], size: Size, *, sort: str = "", time: str = "") -> Json:
    """A row for each series of the query.

    Args:
        title: Of the panel.
        query: Grouped by a tag.
        columns: In their order, the tag's among them.
        size: Of the panel.
        sort: Title of the column that sorts, largest first.
        time: Title of the time's column, shown as an age; without it the time is left out.
    """
    order = {column.name: index for index, column in enumerate(columns)}
    organize = {"excludeByName": {} if time else {_TIME: True}, "indexByName": order | {_TIME: len(order)}, "renameByName": {}}
    overrides = [column.override() for column in columns]
    if time:
        overrides.append(Column(_TIME, time, unit="dateTimeFromNow").override())
    panel = _panel(
        "table",
        title,
        [target(query, table=True)],
        size,
        defaults={"custom": {"align": "auto", "cellOptions": {"type": "color-text"}}, "thresholds": thresholds([(0, TEXT)])},
        overrides=overrides,
        options={"showHeader": True, "cellHeight": "sm"} | ({"sortBy": [{"desc": True, "displayName": sort}]} if sort else {}),
    )
    return panel | {"transformations": [{"id": "organize", "options": organize}]}


def stat(
    title: str, targets: Sequence[Json], size: Size, overrides: list[Json], *, unit: str = "", limits: Sequence[tuple[float, str]] = ()
) -> Json:
    """Newest values, large, each beside its name."""
    options: Json = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _NEWEST,
        "textMode": "value_and_name",
    }
    defaults: Json = {"thresholds": thresholds(limits or [(0, TEXT)]), "color": {"mode": "thresholds"}} | ({"unit": unit} if unit else {})
    return _panel("stat", title, targets, size, defaults=defaults, overrides=overrides, options=options)


def gauge(title: str, targets: Sequence[Json], size: Size, overrides: list[Json], *, limits: Sequence[tuple[float, str]]) -> Json:
    """Shares from 0 to 1."""
    defaults: Json = {"unit": "percentunit", "min": 0, "max": 1, "thresholds": thresholds(limits), "color": {"mode": "thresholds"}}
    options: Json = {"reduceOptions": _NEWEST, "showThresholdLabels": False, "showThresholdMarkers": True, "orientation": "auto"}
    return _panel("gauge", title, targets, size, defaults=defaults, overrides=overrides, options=options)


def timeseries(
    title: str, targets: Sequence[Json], size: Size, overrides: list[Json], *, unit: str = "", bars: bool = False, steps: bool = False
) -> Json:
    """Curves; with `bars` stacked bars of consumption, with `steps` states and settings that hold until the next."""
    custom: Json = {"lineWidth": 2, "fillOpacity": 0, "showPoints": "never", "spanNulls": False}
    if bars:
        custom |= {"drawStyle": "bars", "fillOpacity": 80, "lineWidth": 0, "barAlignment": 1, "stacking": {"mode": "normal", "group": "A"}}
    if steps:
        custom |= {"lineInterpolation": "stepAfter"}
    defaults: Json = (
        {"custom": custom, "color": {"mode": "palette-classic"}} | ({"unit": unit} if unit else {}) | ({"min": 0} if bars else {})
    )
    options: Json = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, targets, size, defaults=defaults, overrides=overrides, options=options)


def state_timeline(title: str, query: str, states: Column, size: Size, by_id: Mapping[str, str]) -> Json:
    """How a state of each device went: one line a device."""
    mapping = states.override()["properties"]
    defaults: Json = {
        "mappings": next((p["value"] for p in mapping if p["id"] == "mappings"), []),
        "color": {"mode": "thresholds"},
        "thresholds": thresholds([(0, OFF)]),
        "custom": {"fillOpacity": 70, "lineWidth": 0},
    }
    options: Json = {
        "mergeValues": True,
        "showValue": "auto",
        "rowHeight": 0.9,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
    }
    return _panel(
        "state-timeline", title, [target(query, alias="$tag_device")], size, defaults=defaults, overrides=names(by_id), options=options
    )


def bar_chart(title: str, query: str, x: Column, size: Size, *, unit: str, value: str, month: bool = False) -> Json:
    """A bar for each row; with `month` rows of days are summed into months, which InfluxQL cannot do itself."""
    defaults: Json = {
        "unit": unit,
        "min": 0,
        "custom": {"fillOpacity": 80, "lineWidth": 0},
        "color": {"mode": "fixed", "fixedColor": ACCENT},
    }
    options: Json = {
        "xField": x.name,
        "showValue": "auto",
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "orientation": "auto" if month else "horizontal",
    }
    fields: Json = {_TIME: {"aggregations": [], "operation": "groupby"}, "value": {"aggregations": ["sum"], "operation": "aggregate"}}
    months: list[Json] = [
        {"id": "formatTime", "options": {"timeField": _TIME, "outputFormat": "YYYY-MM", "useTimezone": True}},
        {"id": "groupBy", "options": {"fields": fields}},
    ]
    leave_time: list[Json] = [{"id": "organize", "options": {"excludeByName": {_TIME: True}, "indexByName": {}, "renameByName": {}}}]
    overrides = [x.override(), Column("value", value).override(), Column("value (sum)", value).override()]
    panel = _panel("barchart", title, [target(query, table=True)], size, defaults=defaults, overrides=overrides, options=options)
    return panel | {"transformations": months if month else leave_time}
