"""Alerts, and what changes, as it changes."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from cloud.api import alerts as raised
from cloud.api import events
from cloud.api.auth import Acknowledger, Watcher, require
from cloud.api.context import Here
from cloud.api.params import Id
from cloud.api.problems import not_found
from cloud.api.wall.snapshot import TheWall
from cloud.registry import tokens
from cloud.registry.tokens import Permission

router = APIRouter(prefix="/api/v1")


@router.get("/alerts")
def alerts(here: Here, state: Id | None = None) -> list[dict[str, Any]]:
    """Alerts, of a state if one is given; no rule raises any yet."""
    return raised.alerts(here, state)


@router.post("/alerts/{alert}/acknowledge")
def acknowledge(_caller: Acknowledger, alert: Id) -> None:
    """Say that an alert is being looked after; operators only."""
    raise not_found("alert", alert)


@router.get("/events", response_class=StreamingResponse, responses={HTTPStatus.OK: {"content": {"text/event-stream": {}}}})
async def changes(here: Here, wall: TheWall, caller: Watcher, topic: Literal["readings", "wall"] = "readings") -> StreamingResponse:
    """Server-Sent Events: `readings` with the newest readings that changed, every second; of the wall `snapshot`, then `change`."""
    valid = partial(tokens.holds, here.engine, caller)
    if topic == "wall":
        return StreamingResponse(events.wall_stream(wall, valid), media_type="text/event-stream")
    require(caller, Permission.READ)
    return StreamingResponse(events.stream(here, valid), media_type="text/event-stream")
