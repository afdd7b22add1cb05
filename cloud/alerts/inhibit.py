"""Inhibition, in Alertmanager's word: while an alert explains others, those are shown, and nobody is told of them one by one.

A rule names the rules that its alerts inhibit. An alert inhibits what lies below its subject: a gateway's that of its buses and devices, a
bus's that of its devices, the site's all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View

Open = Mapping[tuple[str, str], str]
"""The id of each open alert, by rule and subject."""


def inhibited(rules: Mapping[str, Rule], view: View, open_: Open) -> dict[str, str]:
    """The inhibited alerts among those that are open, each with the alert that inhibits it; of several the one farthest up.

    An alert that is inhibited itself inhibits as well, as in Alertmanager.
    """
    sources = {(target, subject): alert for (rule, subject), alert in open_.items() if rule in rules for target in rules[rule].inhibits}
    if not sources:
        return {}
    targets = {rule for rule, _ in sources}
    found = {}
    for (rule, subject), alert in open_.items():
        above = _above(view, subject) if rule in targets else ()
        by = next((sources[rule, place] for place in above if (rule, place) in sources), None)
        if by is not None:
            found[alert] = by
    return found


def _above(view: View, subject: str) -> list[str]:
    """Where a subject lies, from the site down to itself: site, group, gateway, bus, device."""
    site = view.site
    meter = view.meters.get(subject)
    device = subject if meter is None or meter.device is None else meter.device
    entered, known = site.device_by_id.get(device), view.devices.get(device)
    bus = site.bus_by_id.get(entered.bus if entered else device)
    gateway = known.gateway if known else bus.gateway if bus else None
    return [place for place in (site.id, site.group, gateway, bus.id if bus else None, device) if place is not None]
