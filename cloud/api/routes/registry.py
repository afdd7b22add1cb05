"""Units and meters."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api import registry
from cloud.api.context import Here
from cloud.api.params import Day
from cloud.api.shapes import Meter, Unit
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
