"""InfluxQL that 1.x, 2.x and 3.x all answer: one statement, no SHOW, functions that all three have.

Traps that these builders keep away from: `$__interval` never stands beside a time zone, a day is a fixed `time(1d)` cut in
Shanghai, a name is double-quoted and a text single-quoted, and `fill(none)` leaves absent what is absent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

ZONE = "tz('Asia/Shanghai')"
GROUP = "\"group\" = '$group'"
"""Device ids are unique in their group only."""
SHARES = ("measured", "distributed", "estimated", "manual")
"""Fields of `ledger_*` and `indicator` that say where a figure comes from."""


def chosen(tag: str, variable: str) -> str:
    """What a variable of many values has chosen."""
    return f'"{tag}" =~ /^(${{{variable}:regex}})$/'


def among(tag: str, values: Collection[str]) -> str:
    """One of a few ids, which hold no sign that means something to a regular expression but the point."""
    return f'"{tag}" =~ /^({"|".join(value.replace(".", chr(92) + ".") for value in values)})$/'


def newest(device_class: str, points: Sequence[str], where: str = "") -> str:
    """The newest good value of some points of each device; the time of the row means nothing unless it is one point."""
    return f'SELECT {_newest(points)} FROM "{device_class}" WHERE {_all(GROUP, where)} GROUP BY "device"'


def curve(device_class: str, point: str, where: str = "", function: str = "mean") -> str:
    """One point of each device over time: means of what was measured, or the last state of each interval."""
    return (
        f'SELECT {function}("{point}") AS "{point}" FROM "{device_class}" WHERE {_all(GROUP, where)} '
        'GROUP BY time($__interval), "device" fill(none)'
    )


def counted(device_class: str, point: str) -> str:
    """How far a counter rose an hour, by device; an interval with a reset is left out, which is less, never more."""
    return (
        f'SELECT non_negative_derivative(last("{point}"), 1h) AS "{point}" FROM "{device_class}" WHERE {_all(GROUP)} '
        'GROUP BY time($__interval), "device" fill(none)'
    )


def hours(where: str) -> str:
    """Consumption an hour, by meter: the hour itself, and its mean where the panel shows longer intervals."""
    return f'SELECT mean("value") AS "value" FROM "ledger_hour" WHERE {_all(where)} GROUP BY time($__interval), "meter" fill(none)'


def days(where: str) -> str:
    """Consumption by day of Shanghai and meter."""
    return f'SELECT sum("value") AS "value" FROM "ledger_day" WHERE {_all(where)} GROUP BY time(1d), "meter" fill(none) {ZONE}'


def day_sums(where: str) -> str:
    """Consumption by day of Shanghai, all meters together: what months are summed from."""
    return f'SELECT sum("value") AS "value" FROM "ledger_day" WHERE {_all(where)} GROUP BY time(1d) fill(none) {ZONE}'


def totals(where: str) -> str:
    """Consumption of the whole range by meter."""
    return f'SELECT sum("value") AS "value" FROM "ledger_day" WHERE {_all(where)} GROUP BY "meter"'


def day_shares(where: str) -> str:
    """Where the newest day's figure of each meter comes from."""
    return f'SELECT {_newest(SHARES)} FROM "ledger_day" WHERE {_all(where)} GROUP BY "meter"'


def figures(names: Sequence[str], where: str) -> str:
    """The newest of some figures of an indicator."""
    return f'SELECT {_newest(names)} FROM "indicator" WHERE {_all(where)} GROUP BY "indicator"'


def figure_days(name: str, where: str) -> str:
    """One figure by day of Shanghai and indicator."""
    return f'SELECT last("{name}") AS "{name}" FROM "indicator" WHERE {_all(where)} GROUP BY time(1d), "indicator" fill(none) {ZONE}'


def _newest(names: Sequence[str]) -> str:
    return ", ".join(f'last("{name}") AS "{name}"' for name in names)


def _all(*conditions: str) -> str:
    return " AND ".join([*filter(None, conditions), "$timeFilter"])
