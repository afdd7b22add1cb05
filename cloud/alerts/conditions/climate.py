"""Air-conditioning and fresh air: temperatures by season, and running while nobody works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cloud.alerts.observe import Given, Memory, Needs, Observation, condition
from contract.point import POINTS
from contract.profile import load_profile
from contract.units import Unit

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import Device, View

Limit = Annotated[float, Field(ge=0, le=50)]
"""degC, as rooms can have it."""
_TEMPERATURES = frozenset(name for name, point in POINTS.items() if point.unit is Unit.CELSIUS)
_SWITCHES = frozenset({"on", "lights", "screen"})
_SIDE = {"cooling": {"zh": "低于", "en": "below"}, "heating": {"zh": "高于", "en": "above"}}


class SeasonLimits(Given):
    """degC: not below `cooling` in the cooling season, not above `heating` in the heating season.

    `tolerance` is what a sensor may be off; `by_the_plant`: a breach only while the valve is open, so that weather alone is none.
    """

    cooling: Limit
    heating: Limit
    tolerance: Annotated[float, Field(ge=0, le=10)] = 0.0
    by_the_plant: bool = False


@condition("season_limit", SeasonLimits, words=("side",), needs=Needs(classes=True, points=_TEMPERATURES, beside=(frozenset({"on"}),)))
def season_limit(rule: Rule, given: SeasonLimits, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A temperature against the limit of the season, judged in working hours while the device runs in that mode."""
    operation = view.site.operation
    season = "cooling" if view.in_season(operation.cooling) else "heating" if view.in_season(operation.heating) else None
    for device in view.of_class(rule.classes):
        if season is None:
            yield Observation(device.id, -abs(rule.hysteresis) - 1)
            continue
        limit = given.cooling if season == "cooling" else given.heating
        found = view.good(device, rule.point or "")
        judged = view.within(operation.work) and _runs(view, device, season)
        if found is None or not judged:
            yield Observation(device.id, None)
            continue
        over = round((limit - found.value if season == "cooling" else found.value - limit) - given.tolerance, 6)
        by_weather = over > 0 and given.by_the_plant and not _open(view, device)
        yield Observation(device.id, None if by_weather else over, found.value, limit, {"side": _SIDE[season]})


def _runs(view: View, device: Device, season: str) -> bool:
    """On, and in the mode of the season: what a fan does alone, the rule does not mean."""
    wanted = {"cooling": "cool", "heating": "heat"}[season]
    return _word(view, device, "on") == "on" and _word(view, device, "mode") in {wanted, None}


def _open(view: View, device: Device) -> bool:
    return _word(view, device, "valve") in {"open", None}


def _word(view: View, device: Device, point: str) -> str | None:
    """The name of a state as the device's profile gives it; None where the device has no such point, or it is not known."""
    found, placed = view.good(device, point), view.site.device_by_id.get(device.id)
    if found is None or placed is None:
        return None
    mapped = load_profile(placed.profile).points.get(point)
    return None if mapped is None else (mapped.values or {}).get(int(found.value))


@condition("runs_outside_hours", needs=Needs(classes=True, points=_SWITCHES))
def runs_outside_hours(rule: Rule, _given: Given, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """Plant that is on outside its hours or on a day without work, by the official calendar and the site's exceptions."""
    allowed = view.within(view.site.operation.plant)
    for device in view.of_class(rule.classes):
        found = view.good(device, rule.point or "")
        if found is None:
            yield Observation(device.id, None)
        else:
            running = _word(view, device, rule.point or "") == "on"
            yield Observation(device.id, 1.0 if running and not allowed else -1.0)
