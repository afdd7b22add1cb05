"""What changes, as it changes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from cloud.accounts.model import Permission
from cloud.api.auth import Watcher, require
from cloud.api.context import Here
from cloud.api.events import TheTopics
from cloud.api.streams import EventStream

router = APIRouter(prefix="/api/v1")


@router.get("/events", response_class=StreamingResponse, responses={HTTPStatus.OK: {"content": {"text/event-stream": {}}}})
async def changes(here: Here, topics: TheTopics, caller: Watcher, topic: Literal["readings", "wall"] = "readings") -> EventStream:
    """Server-Sent Events: all `readings` and the worst `alerts`, then what changed of them; of the wall `snapshot`, then `change`."""
    if topic == "wall":
        return EventStream(topics.wall(here), topics.places, caller)
    require(caller, Permission.READ)
    return EventStream(topics.readings(here), topics.places, caller)
