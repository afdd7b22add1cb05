"""Units, meters, and the organisations above and below."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api import registry
from cloud.api.context import Everywhere, Here
from cloud.api.params import Day
from cloud.api.schemas import Institution, Meter, Organisation
from cloud.ledger.periods import local_date

router = APIRouter(prefix="/api/v1")


@router.get("/units")
def units(here: Here, on: Day | None = None) -> list[Institution]:
    """All units with their people and area on a day (today)."""
    return registry.units(here, on or local_date(here.clock.now_ms()))


@router.get("/meters")
def meters(here: Here) -> list[Meter]:
    """All meters; `main` = counted in totals."""
    return registry.meters(here)


@router.get("/organisations")
def organisations(here: Everywhere) -> list[Organisation]:
    """The tree of organisations, with the institutions of each district today; of a token for one district, that district of it."""
    return registry.organisations(here, local_date(here.clock.now_ms()))
