"""What the ledger asks people, and their answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud.api.auth import Acknowledger
from cloud.api.context import Here
from cloud.api.params import Id, Moment
from cloud.api.problems import unprocessable
from cloud.api.schemas import Finding
from cloud.ledger import findings
from cloud.ledger.shown_findings import record_of

router = APIRouter(prefix="/api/v1/findings")


class Explanation(BaseModel):
    """Which finding, and why its figure stands as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meter: Id
    start: Moment
    kind: Id
    note: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("")
def listed(here: Here, state: Literal["open", "explained"] | None = None) -> list[Finding]:
    """What the ledger could not decide, by time: with the amount at stake, open until a record or a note explains it."""
    with here.engine.connect() as connection:
        found = findings.listed(connection, here.group, here.clock.now_ms())
    return [Finding(**record_of(one)) for one in found if state in {None, one.state}]


@router.post("/explain", status_code=HTTPStatus.NO_CONTENT)
def explain(here: Here, caller: Acknowledger, body: Explanation) -> Response:
    """Say why a figure stands as it is; operators only."""
    asked = (body.meter, body.start, body.kind)
    try:
        findings.explain(here.engine, here.group, asked, body.note, caller.name, here.clock.now_ms())
    except findings.FindingError as error:
        raise unprocessable(error.message) from None
    return Response(status_code=HTTPStatus.NO_CONTENT)
