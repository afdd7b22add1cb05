"""Official cars: what their terminals say of speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from cloud.alerts.observe import Memory, Needs, Observation, Parameters, condition
from contract.states import is_set

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View


class Speed(Parameters):
    """km/h: the most that is allowed anywhere, and which part more is not told."""

    limit: float = Field(gt=0, le=300)
    more: float = Field(ge=0, le=1)


_OVERSPEED = "overspeed_alarm"


@condition("speeding", Speed, needs=Needs(classes=True, points=frozenset({"speed"})), reads=(_OVERSPEED,))
def speeding(rule: Rule, given: Speed, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A car is faster than is allowed anywhere, or its terminal, which may know the road's limit, says that it is too fast."""
    for device in view.of_class(rule.classes):
        speed = view.good(device, rule.point or "")
        if speed is None:
            yield Observation(device.id, None)
            continue
        over = speed.value - given.limit * (1 + given.more)
        said = view.good(device, _OVERSPEED)
        says_so = said is not None and is_set(said.value)
        yield Observation(device.id, max(over, 1.0) if says_so else over, speed.value, given.limit)
