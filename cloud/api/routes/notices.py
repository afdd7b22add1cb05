"""What changes, as it changes."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from cloud.api import events
from cloud.api.auth import Watcher, require
from cloud.api.context import Here
from cloud.api.wall.snapshot import TheWall
from cloud.registry import tokens
from cloud.registry.tokens import Permission

router = APIRouter(prefix="/api/v1")


@router.get("/events", response_class=StreamingResponse, responses={HTTPStatus.OK: {"content": {"text/event-stream": {}}}})
async def changes(here: Here, wall: TheWall, caller: Watcher, topic: Literal["readings", "wall"] = "readings") -> StreamingResponse:
    """Server-Sent Events: every second `readings` that changed, and `alerts` when they did; of the wall `snapshot`, then `change`."""
    valid = partial(tokens.holds, here.engine, caller)
    if topic == "wall":
        return StreamingResponse(events.wall_stream(wall, valid), media_type="text/event-stream")
    require(caller, Permission.READ)
    return StreamingResponse(events.stream(here, valid), media_type="text/event-stream")
