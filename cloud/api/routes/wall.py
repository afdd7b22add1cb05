"""What the wall shows."""

from __future__ import annotations

from fastapi import APIRouter

from cloud.api.wall.schemas import Snapshot
from cloud.api.wall.snapshot import TheWall

router = APIRouter(prefix="/api/v1")


@router.get("/wall")
def wall(shown: TheWall) -> Snapshot:
    """All that the wall shows now; `/api/v1/events?topic=wall` says what changes."""
    return shown.snapshot()
