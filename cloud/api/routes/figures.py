"""What was used, what it is worth and how the targets stand."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.api import figures
from cloud.api.context import Cloud, Here, HereOrAbove
from cloud.api.params import Day, Every, FigureScope, Id, Moment, Year, check_span
from cloud.api.schemas import Consumed, Denominators, Factor
from cloud.api.slots import Large
from cloud.indicators.factors import NATIONAL
from cloud.indicators.model import Targets
from cloud.ledger.periods import local_date, year_of

router = APIRouter(prefix="/api/v1")


@router.get("/consumption")
def consumption(here: Here, _room: Large, meter: Id, start: Moment, end: Moment, every: Every) -> list[Consumed]:
    """What a meter used in the hours that begin in [start, end), by interval, cut in Asia/Shanghai."""
    check_span(start, end)
    return figures.consumption(here, meter, start, end, every)


@router.get("/factors")
def factors(here: Cloud, on: Day | None = None, name: Annotated[Id, Query(alias="set")] = NATIONAL) -> list[Factor]:
    """The factors of a set that hold on a day (today), one row an energy."""
    return figures.factors(here, on or local_date(here.clock.now_ms()), name)


@router.get("/denominators")
def denominators(here: HereOrAbove, start: Moment, end: Moment, scope: FigureScope = "district") -> Denominators:
    """Day-weighted means over the days of [start, end) in Asia/Shanghai; a day that has begun counts."""
    check_span(start, end)
    return figures.denominators(here, scope, start, end)


@router.get("/targets")
def targets(here: HereOrAbove, _room: Large, year: Year | None = None, scope: FigureScope = "district", on: Day | None = None) -> Targets:
    """The indicators of a year and their targets for a scope, against the same span of last year.

    Up to now, or to the end of the day `on`, by what is known now: for the last day of a quarter what its report says. A day to come is
    today. Without `year` it is that day's, or this one.
    """
    return figures.targets(here, year or year_of(on, here.clock.now_ms()), scope, on)
