"""The yearly targets of the district."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from cloud.alerts.observe import Memory, Needs, Observation, Parameters, condition
from cloud.ledger.periods import local_date
from cloud.texts import in_both
from contract.coded import Message
from contract.fault import Fault, located
from contract.units import Unit

if TYPE_CHECKING:
    from cloud.alerts.ruleset import Rule
    from cloud.alerts.view import View

_JUDGED = frozenset({"ahead", "at_risk", "missed", "met"})


class Statuses(Parameters):
    """Which statuses of a target are meant.

    `least_days`: so many days of a year must be over before its status is more than weather. `look_back`: so many days into
    a year the one before is looked at too, since a year is only closed when it is over.
    """

    statuses: list[Literal["at_risk", "missed"]] = Field(min_length=1)
    least_days: int = Field(ge=0, le=334)
    look_back: int = Field(ge=0, le=365)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if "at_risk" not in self.statuses and not self.look_back:
            raise located([Fault(("look_back",), "expected 1 to 365: a target is missed only when its year is over", self.look_back)])
        return self


@condition("target", Statuses, needs=Needs(unit=Unit.PERCENT))
def target(_rule: Rule, given: Statuses, view: View, _memory: Mapping[str, Memory]) -> Iterator[Observation]:
    """How a target of the district stands; without a figure or a baseline nothing is said, and without a target there is none."""
    today = local_date(view.now)
    passed = (today - date(today.year, 1, 1)).days
    yield from _of_year(given, view, today.year, judged=passed >= given.least_days)
    if passed < given.look_back:
        yield from _of_year(given, view, today.year - 1, judged=True)


def _of_year(given: Statuses, view: View, year: int, *, judged: bool) -> Iterator[Observation]:
    found = view.targets(year)
    for indicator in found.indicators if found else ():
        if indicator.target_change is None:
            continue
        change = indicator.forecast.change
        value = None if change is None else round(change * 100, 2)
        limit = round(indicator.target_change * 100, 2)
        known = judged and indicator.status in _JUDGED
        excess = (1.0 if indicator.status in given.statuses else -1.0) if known else None
        name = in_both(Message(f"target.{indicator.id}", year=year))
        yield Observation(f"{year}:{indicator.id}", excess, value, limit, {"name": name})
