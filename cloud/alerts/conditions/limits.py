"""A number against limits that a rule gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from cloud.alerts.observe import Memory, Needs, Observation, Parameters, condition
from contract.fault import Fault, located
from contract.point import POINTS, Kind

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View

_GAUGES = frozenset(name for name, point in POINTS.items() if point.kind is Kind.GAUGE)


class Limits(Parameters):
    """In the point's unit: a value may be neither `above` the one nor `below` the other; one of them may be left out.

    `tolerance` is what a sensor may be off.
    """

    above: float | None = None
    below: float | None = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.above is None and self.below is None:
            raise located([Fault((), "expected above, below or both", None)])
        if self.above is not None and self.below is not None and self.below >= self.above:
            raise located([Fault(("below",), f"expected less than above ({self.above:g})", self.below)])
        return self


@condition("beyond", Limits, needs=Needs(classes=True, points=_GAUGES))
def beyond(rule: Rule, given: Limits, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A gauge is above or below a limit, at any hour."""
    for device in view.of_class(rule.classes):
        found = view.good(device, rule.point or "")
        if found is None:
            yield Observation(device.id, None)
            continue
        sides = [] if given.above is None else [(found.value - given.above, given.above)]
        sides += [] if given.below is None else [(given.below - found.value, given.below)]
        excess, limit = max(sides)
        yield Observation(device.id, excess - given.tolerance, found.value, limit)
