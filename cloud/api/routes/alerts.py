"""Alerts: what is open, and who looks after it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from cloud.alerts import book
from cloud.api import alerts
from cloud.api.auth import Acknowledger
from cloud.api.context import Here
from cloud.api.params import Id, Said
from cloud.api.problems import not_found
from cloud.api.shapes import Alert

router = APIRouter(prefix="/api/v1/alerts")


class Acknowledgement(BaseModel):
    """What somebody says who looks after an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: Said = ""


@router.get("")
def listed(here: Here, state: Literal["firing", "acknowledged", "resolved"] | None = None) -> list[Alert]:
    """Alerts of a state, newest first; without one all that are open, and those resolved within the last seven days."""
    return alerts.alerts(here, state)


@router.post("/{alert}/acknowledge")
def acknowledge(here: Here, caller: Acknowledger, alert: Id, body: Acknowledgement | None = None) -> Alert:
    """Say that an alert is being looked after; operators only. It stays open until its cause is gone, and nobody is told again."""
    try:
        known = book.acknowledge(here.engine, here.group, alert, body.note if body else "", caller.name, here.clock.now_ms())
    except book.NotOpenError as error:
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from None
    found = alerts.one(here, alert) if known else None
    if found is None:
        raise not_found("alert", alert)
    return found
