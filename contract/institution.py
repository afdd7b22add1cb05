"""An institution of a site: its people and its floor area, which change from a day on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from contract.day import Day
from contract.fault import Fault, Place
from contract.operation import Id, Text
from contract.yamlfile import Strict

ALWAYS = date(2020, 1, 1)
"""Since when an institution without `since` is there: before any history that is imported."""
Area = Annotated[float, Field(ge=0.0001, le=1_000_000_000)]
"""Floor area in m2: what a registry can tell from none, and more than all of a city's."""
Headcount = Annotated[int, Field(ge=1, le=100_000_000)]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""What figures may be divided by."""
OWN_KINDS: tuple[Kind, ...] = ("headcount", "area")
"""Those that each institution has, in fields of their own."""


class UnitChange(Strict):
    """New people or floor area of an institution from a day on."""

    since: Day
    headcount: Headcount | None = None
    area: Area | None = None


class DatedValue(Strict):
    """A value that holds from a day on until the next one's."""

    since: Day
    value: Annotated[float, Field(ge=0, le=1_000_000_000)]


class Institution(Strict):
    """An institution with its people and its share of floor area."""

    id: Id
    name: Text
    compound: Id
    headcount: Headcount
    """用能人数: people who really work there, until the first of `changes` that says otherwise."""
    area: Area
    """建筑面积 in m2, likewise."""
    since: Day | None = None
    """First day of an institution that has not always been there; before it has nobody and no area."""
    changes: list[UnitChange] = []
    """In order of their days. Without them a new number holds from the day on which it is entered."""
    denominators: dict[Kind, list[DatedValue]] = {}
    """What else figures are divided by, such as `green_area` in m2: all values there ever were, in order of their days; 0 for none."""
    was: Id | None = None
    """Its id before it was renamed; its history follows."""


def undated(units: Sequence[Institution]) -> Iterator[Fault]:
    """Changes that change nothing, that are out of order, or that lie before the institution's first day."""
    for i, unit in enumerate(units):
        before, hint = unit.since, ""
        if before is None:
            before, hint = ALWAYS, "; `since` at the unit says an earlier first day"
        for j, change in enumerate(unit.changes):
            place: Place = ("units", i, "changes", j)
            if change.headcount is None and change.area is None:
                yield Fault(place, "expected a headcount, an area or both", None)
            if change.since <= before:
                yield Fault((*place, "since"), f"expected a day after {before}{hint}", str(change.since))
            before, hint = change.since, ""


def misstated(units: Sequence[Institution]) -> Iterator[Fault]:
    """Denominators that have a field of their own, have no value, or are out of order."""
    for i, unit in enumerate(units):
        for kind, values in unit.denominators.items():
            place: Place = ("units", i, "denominators", kind)
            if kind in OWN_KINDS:
                yield Fault(place, f"expected none: the unit has a field {kind} for it", None)
            if not values:
                yield Fault(place, "expected at least one value with the day since when it holds", values)
            for j, (before, value) in enumerate(pairwise(values), 1):
                if value.since <= before.since:
                    yield Fault((*place, j, "since"), f"expected a day after {before.since}", str(value.since))
