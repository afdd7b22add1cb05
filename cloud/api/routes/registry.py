"""Units, meters and what figures are divided by."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api import registry
from cloud.api.context import Here
from cloud.api.params import Day, Moment, Scope, check_span
from cloud.api.shapes import Denominators, Meter, Unit
from cloud.ledger.periods import local_date

router = APIRouter(prefix="/api/v1")


@router.get("/units")
def units(here: Here, on: Day | None = None) -> list[Unit]:
    """All units with their people and area on a day (today)."""
    return registry.units(here, on or local_date(here.clock.now_ms()))


@router.get("/meters")
def meters(here: Here) -> list[Meter]:
    """All meters; `main` = counted in totals."""
    return registry.meters(here)


@router.get("/denominators")
def denominators(here: Here, start: Moment, end: Moment, scope: Scope = "district") -> Denominators:
    """Day-weighted means over the days of [start, end) in Asia/Shanghai; a day that has begun counts."""
    check_span(start, end)
    return registry.denominators(here, scope, local_date(start), registry.day_after(end))
