"""The newest readings."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api.context import Here
from cloud.api.latest import latest_readings
from cloud.api.shapes import Latest

router = APIRouter(prefix="/api/v1")


@router.get("/readings/latest")
def newest(here: Here, device: str | None = None) -> list[Latest]:
    """The newest reading of each point, of one device or of all."""
    return latest_readings(here, device)
