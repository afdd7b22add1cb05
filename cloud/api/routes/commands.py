"""Commands to devices and edge nodes, and which nodes there are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cloud.api import devices
from cloud.api.auth import Commander, Reader
from cloud.api.context import Cloud, HereOrThere
from cloud.api.params import Id, Moment, Said
from cloud.api.problems import not_found, unprocessable
from cloud.api.schemas import CommandAccepted, CommandState, Node
from cloud.devices.queries import nodes
from cloud.operations import commands
from cloud.operations.model import SENT, Command
from cloud.texts import because
from contract.clock import iso

router = APIRouter(prefix="/api/v1")


class NewCommand(BaseModel):
    """What is ordered: a point, its value, why, and until when it may be carried out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    point: Id
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    reason: Annotated[Said, Field(min_length=1)]
    expires: Moment


@router.post("/devices/{device}/commands", status_code=HTTPStatus.ACCEPTED)
def order(here: HereOrThere, caller: Commander, device: Id, body: NewCommand) -> CommandAccepted:
    """Send a command to a device; operators only."""
    now = here.clock.now_ms()
    devices.known(here, device)
    wanted = Command(here.group, device, body.point, body.value, body.reason, caller.name, body.expires)
    why_not = commands.refusal(here.engine, wanted, now)
    if why_not is not None:
        raise unprocessable(why_not)
    return CommandAccepted(id=commands.place(here.engine, wanted, now), state=SENT)


class NewRebirth(BaseModel):
    """Why births are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[Said, Field(min_length=1)]


@router.get("/nodes")
def every_node(here: Cloud, caller: Reader, group: Id | None = None) -> list[Node]:
    """Every edge node that was ever born, those of groups that no site names too; of one group, if it is named or the token's."""
    if caller.group is not None and group not in {None, caller.group}:
        raise not_found("group", str(group))
    asked = caller.group or group
    found = [node for node in nodes.nodes(here.engine) if asked in {None, node.group}]
    return [Node(**node._asdict() | {"changed_at": iso(node.changed_at)}) for node in found]


@router.post("/nodes/{node}/rebirth", status_code=HTTPStatus.ACCEPTED)
def rebirth(here: HereOrThere, caller: Commander, node: Id, body: NewRebirth) -> CommandAccepted:
    """Ask an edge node for its births; operators only. The command is done when they come, and fails after a minute without."""
    if not nodes.node_exists(here.engine, here.group, node):
        raise not_found("node", node)
    now = here.clock.now_ms()
    wanted = commands.rebirth(here.group, node, body.reason, caller.name, now)
    return CommandAccepted(id=commands.place(here.engine, wanted, now), state=SENT)


@router.get("/commands/{command}")
def standing(here: HereOrThere, command: Id) -> CommandState:
    """How a command stands: sent, done, refused, expired or failed."""
    found = commands.standing(here.engine, here.group, command)
    if found is None:
        raise not_found("command", command)
    said = because(found.reason)
    return CommandState(**said | {"state": found.state, "read_back": found.read_back, "reason": said["reason"] or ""})
