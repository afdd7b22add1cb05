"""How the service is: for everybody whether it is ready, for Prometheus its numbers."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from cloud.api import metrics
from cloud.api.auth import Reader
from cloud.api.context import Cloud
from cloud.api.problems import ProblemError
from cloud.api.schemas import Alive, Health
from cloud.ledger.periods import local_date
from contract.clock import iso
from contract.coded import Message

router = APIRouter()


@router.get("/healthz", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Health}})
async def health(here: Cloud, response: Response) -> Health:
    """200 when ready; else 503, and `status` says what the service waits for. Nothing is asked for it: it is a state that is kept."""
    reason, now = here.ready(), here.clock.now_ms()
    if reason is not None:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status="ok" if reason is None else reason, now=iso(now), year=local_date(now).year)


@router.get("/livez")
async def alive() -> Alive:
    """200 while the service gets on with its work, whether its stores can be used or not: a restart would mend nothing."""
    return Alive(status="alive")


@router.get(
    "/metrics", response_class=Response, responses={HTTPStatus.OK: {"content": {metrics.CONTENT_TYPE: {"schema": {"type": "string"}}}}}
)
def numbers(here: Cloud, caller: Reader) -> Response:
    """Numbers about the service in Prometheus' text format; for tokens of every district only, since the service serves all."""
    if caller.group is not None:
        raise ProblemError(HTTPStatus.FORBIDDEN, Message("problem.every_district"))
    return Response(metrics.exposition(here), media_type=metrics.CONTENT_TYPE)
