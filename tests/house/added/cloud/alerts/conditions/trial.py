"""A condition as somebody would add it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cloud.alerts.observe import Memory, Needs, Observation, Parameters, condition

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View


class Most(Parameters):
    """In the rule's unit."""

    most: float


@condition("trial_more_than", Most, needs=Needs(classes=True, points=frozenset({"power"})))
def trial_more_than(rule: Rule, given: Most, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """A value above a limit."""
    for device in view.of_class(rule.classes):
        found = view.good(device, rule.point or "")
        yield Observation(device.id, None if found is None else found.value - given.most, found and found.value, given.most)
