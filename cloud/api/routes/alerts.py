"""Alerts: what is open, and who looks after it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from cloud.alerts import service
from cloud.api import alerts
from cloud.api.auth import Acknowledger
from cloud.api.context import Here
from cloud.api.params import Id, Said
from cloud.api.problems import ProblemError, not_found
from cloud.api.schemas import Alert

router = APIRouter(prefix="/api/v1/alerts")
State = Literal["firing", "acknowledged", "resolved"]


class Acknowledgement(BaseModel):
    """What somebody says who looks after an alert."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: Said = ""


@router.get("")
def listed(
    here: Here,
    request: Request,
    response: Response,
    state: State | None = None,
    after: Annotated[Id | None, Query(description="id of the last alert of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=alerts.MOST)] = alerts.MOST,
) -> list[Alert]:
    """Alerts of a state, newest first; without one all that are open, and those resolved within the last seven days.

    A full page has the header `Link` with the address of the next (RFC 8288).
    """
    found = alerts.alerts(here, state, after, limit)
    if len(found) == limit:
        following = request.url.include_query_params(after=found[-1].id, limit=limit)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return found


@router.post("/{alert}/acknowledge")
def acknowledge(here: Here, caller: Acknowledger, alert: Id, body: Acknowledgement | None = None) -> Alert:
    """Say that an alert is being looked after; operators only. It stays open until its cause is gone, and nobody is told again."""
    try:
        known = service.acknowledge(here.engine, here.group, alert, body.note if body else "", caller.name, here.clock.now_ms())
    except service.NotOpenError as error:
        raise ProblemError(HTTPStatus.CONFLICT, error.message) from None
    found = alerts.one(here, alert) if known else None
    if found is None:
        raise not_found("alert", alert)
    return found
