"""Air-conditioning and fresh air: temperatures by season, and running while nobody works."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from cloud.alerts.observe import Memory, Needs, Observation, Parameters, condition
from cloud.texts import in_both
from contract.coded import Message
from contract.point import POINTS
from contract.states import is_on
from contract.units import Unit

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View
    from cloud.devices.model import Device

Limit = Annotated[float, Field(ge=0, le=50)]
"""degC, as rooms can have it."""
_TEMPERATURES = frozenset(name for name, point in POINTS.items() if point.unit is Unit.CELSIUS)
_SWITCHES = frozenset({"on", "lights", "screen"})
_SIDE = {"cooling": Message("side.below"), "heating": Message("side.above")}


class SeasonLimits(Parameters):
    """degC: not below `cooling` in the cooling season, not above `heating` in the heating season.

    `tolerance` is what a sensor may be off; `by_the_plant`: a breach only while the valve is open, so that weather alone is none.
    """

    cooling: Limit
    heating: Limit
    tolerance: Annotated[float, Field(ge=0, le=10)] = 0.0
    by_the_plant: bool = False


_NEEDS = Needs(classes=True, points=_TEMPERATURES, beside=(frozenset({"on"}),))


@condition("season_limit", SeasonLimits, annotations=("side",), needs=_NEEDS, reads=("on", "mode", "valve"))
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
        by_weather = over > 0 and given.by_the_plant and not _agrees(view, device, "valve", "open")
        yield Observation(device.id, None if by_weather else over, found.value, limit, {"side": in_both(_SIDE[season])})


def _runs(view: View, device: Device, season: str) -> bool:
    """On, and in the mode of the season: what a fan does alone, the rule does not mean."""
    return is_on(view.state(device, "on")) is True and _agrees(view, device, "mode", {"cooling": "cool", "heating": "heat"}[season])


def _agrees(view: View, device: Device, point: str, wanted: str) -> bool:
    """Whether a state is the wanted one, as far as the device tells it."""
    return view.good(device, point) is None or view.state(device, point) == wanted


@condition("runs_outside_hours", needs=Needs(classes=True, points=_SWITCHES))
def runs_outside_hours(rule: Rule, _given: Parameters, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """Plant that is on outside its hours or on a day without work, by the official calendar and the site's exceptions.

    A state that no profile names says neither.
    """
    allowed = view.within(view.site.operation.plant)
    for device in view.of_class(rule.classes):
        running = is_on(view.state(device, rule.point or ""))
        yield Observation(device.id, None if running is None else 1.0 if running and not allowed else -1.0)
