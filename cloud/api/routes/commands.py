"""Commands to devices."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cloud.api import devices
from cloud.api.auth import Commander
from cloud.api.context import Here
from cloud.api.params import Id, Moment, Said
from cloud.api.problems import not_found, unprocessable
from cloud.api.shapes import CommandAccepted, CommandState
from cloud.registry import commands
from cloud.registry.online import profile_of

router = APIRouter(prefix="/api/v1")


class NewCommand(BaseModel):
    """What is ordered: a point, its value, why, and until when it may be carried out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Id
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    reason: Annotated[Said, Field(min_length=1)]
    expires: Moment


@router.post("/devices/{device}/commands", status_code=HTTPStatus.ACCEPTED)
def order(here: Here, caller: Commander, device: Id, body: NewCommand) -> CommandAccepted:
    """Send a command to a device; operators only."""
    row, now = devices.device_row(here, device), here.clock.now_ms()
    wanted = commands.Order(here.group, device, body.point, body.value, body.reason, caller.name, body.expires)
    why_not = commands.fault(wanted, profile_of(row), now)
    if why_not:
        raise unprocessable(why_not)
    return CommandAccepted(id=commands.place(here.engine, wanted, now), state=commands.SENT)


@router.get("/commands/{command}")
def standing(here: Here, command: Id) -> CommandState:
    """How a command stands: sent, done, refused, expired or failed."""
    found = commands.standing(here.engine, here.group, command)
    if found is None:
        raise not_found("command", command)
    return CommandState(state=found.state, read_back=found.read_back, reason=found.reason)
