"""What changed between two snapshots, so that a small computer behind a screen has little to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

State = dict[str, Any]
ALERTS = "alerts"
BY_ID = ("zones", "lifts", "vehicles")
"""Sections that are lists of things with an id: only those that changed are sent."""


def changes(before: State, after: State) -> State | None:
    """The sections that differ; of a list of things, the things that do. None if the two do not have the same things.

    Of alerts, which come and go, it is those that are new or another, and in `alert_order` the ids of all that are shown.
    """
    found: State = {}
    for section, value in after.items():
        if value == before[section]:
            continue
        if section == ALERTS:
            known = _by_id(before[section])
            found[section] = [alert for alert in value if alert != known.get(alert["id"])]
            found["alert_order"] = [alert["id"] for alert in value]
            continue
        if section in BY_ID:
            known = _by_id(before[section])
            if list(known) != list(_by_id(value)):
                return None
            value = [item for item in value if item != known[item["id"]]]  # noqa: PLW2901 (the part that is sent)
        found[section] = value
    return found


def _by_id(items: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {item["id"]: item for item in items}
