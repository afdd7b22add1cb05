"""A dashboard from its panels: their places and numbers, its variables, its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.words import Json, Words

COLUMNS = 24
SCHEMA = 41
"""Grafana 10 to 13 read it and bring it up to date when they load it; 42 and the second form are for newer ones only."""


@dataclass(frozen=True)
class Board:
    """What a dashboard shows.

    Attributes:
        name: Of its file, and in its uid.
        panels: In the order of reading, without places.
        variables: Beside the group, which every dashboard has.
        start: Begin of its time, such as `now-24h`.
        refresh: Such as `10s`.
    """

    name: str
    panels: Sequence[Json]
    variables: Sequence[Json] = ()
    start: str = "now-24h"
    refresh: str = "30s"

    def json(self, words: Words) -> Json:
        """The dashboard as Grafana imports it."""
        return {
            "id": None,
            "uid": words.uid(self.name),
            "title": words(f"board.{self.name}"),
            "description": words(f"about.{self.name}"),
            "tags": ["jieyue", words.language],
            "schemaVersion": SCHEMA,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "Asia/Shanghai",
            "weekStart": "monday",
            "refresh": self.refresh,
            "time": {"from": self.start, "to": "now"},
            "templating": {"list": [constant("group", words.site.group), *self.variables]},
            "annotations": {"list": []},
            "links": [_link(words)],
            "panels": [panel | {"id": number} for number, panel in enumerate(placed(self.panels), 1)],
        }


def _link(words: Words) -> Json:
    """A menu of the other dashboards of the same language."""
    return {"type": "dashboards", "title": words("boards"), "tags": ["jieyue", words.language], "asDropdown": True, "keepTime": False}


def placed(panels: Sequence[Json]) -> list[Json]:
    """Panels from left to right in rows; a row is as high as its highest panel.

    Raises:
        ValueError: A panel is wider than the screen.
    """
    found: list[Json] = []
    x = y = deepest = 0
    for panel in panels:
        width, height = panel["gridPos"]["w"], panel["gridPos"]["h"]
        if width > COLUMNS:
            raise ValueError(f"{panel['title']}: {width} columns, expected at most {COLUMNS}")
        if x + width > COLUMNS:
            x, y, deepest = 0, y + deepest, 0
        found.append(panel | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, deepest = x + width, max(deepest, height)
    return found


def constant(name: str, value: str) -> Json:
    """A hidden variable with one value."""
    return {"type": "constant", "name": name, "query": value, "hide": 2, "skipUrlSync": True, "current": {"text": value, "value": value}}


def choice(name: str, label: str, by_id: Mapping[str, str], words: Words, *, first: Sequence[str] = ()) -> Json:
    """A variable of many values: what can be chosen stands in it, since 3.x has no SHOW TAG VALUES.

    Args:
        name: In queries.
        label: For people.
        by_id: What can be chosen: names by id.
        words: For the entry that means all.
        first: Chosen at first; all if empty.
    """
    everything: Json = {"text": words("all"), "value": "$__all"}
    shown = [everything, *({"text": text, "value": value} for value, text in by_id.items())]
    chosen = [option for option in shown if option["value"] in (first or ["$__all"])]
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(f"{text.replace(',', chr(92) + ',')} : {value}" for value, text in by_id.items()),
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "options": [option | {"selected": option in chosen} for option in shown],
        "current": {"text": [option["text"] for option in chosen], "value": [option["value"] for option in chosen]},
    }


def scope_choice(words: Words) -> Json:
    """Whose targets: the district, a compound or a unit; one at a time."""
    by_id = {"district": words("district")}
    by_id |= {f"compound:{c.id}": words.name(c.name) for c in words.site.compounds}
    by_id |= {f"unit:{u.id}": words.name(u.name) for u in words.site.units}
    plain = choice("scope", words("scope"), by_id, words, first=["district"])
    one = {name: value for name, value in plain.items() if name != "allValue"} | {"multi": False, "includeAll": False}
    return one | {"options": plain["options"][1:], "current": plain["options"][1]}
