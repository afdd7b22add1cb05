"""Alerts, and what changes, as it changes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from cloud.api import events
from cloud.api.auth import Acknowledger
from cloud.api.context import Here
from cloud.api.params import Id
from cloud.api.problems import not_found

router = APIRouter(prefix="/api/v1")


@router.get("/alerts")
def alerts(state: Id | None = None) -> list[dict[str, Any]]:
    """Alerts, of a state if one is given; no rule raises any yet."""
    del state
    return []


@router.post("/alerts/{alert}/acknowledge")
def acknowledge(_caller: Acknowledger, alert: Id) -> None:
    """Say that an alert is being looked after; operators only."""
    raise not_found("alert", alert)


@router.get("/events", response_class=StreamingResponse, responses={HTTPStatus.OK: {"content": {"text/event-stream": {}}}})
async def changes(here: Here) -> StreamingResponse:
    """Server-Sent Events: `readings` with the newest readings that changed, every second."""
    return StreamingResponse(events.stream(here), media_type="text/event-stream")
