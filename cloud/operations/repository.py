"""Commands in SQL; each function works on the caller's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cloud.devices.queries.register import GATEWAYS
from cloud.operations.model import QUEUED, SENT, Command, Standing
from cloud.operations.tables import command
from contract import coded
from contract.coded import Message

_UNFINISHED = (QUEUED, SENT)


class Waiting(NamedTuple):
    """A command without a result, and the gateway that its device is behind; times are ms since 1970 in UTC."""

    id: str
    group: str
    device: str
    gateway: str
    point: str
    value: float
    why: str
    created_at: int
    expires_at: int
    state: str


def add(connection: sa.Connection, name: str, order: Command, now: int) -> None:
    """Keep an order under an id, to be sent."""
    row = {
        "id": name,
        "grp": order.group,
        "device": order.device,
        "point": order.point,
        "value": order.value,
        "why": order.why,
        "by": order.by,
        "created_at": now,
        "expires_at": order.expires_at,
        "state": QUEUED,
        "reason": "",
    }
    connection.execute(command.insert().values(row))


def standing(connection: sa.Connection, group: str, name: str) -> Standing | None:
    """How a command stands; None if there is none such."""
    query = sa.select(command.c.state, command.c.read_back, command.c.reason).where(command.c.grp == group, command.c.id == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else Standing(row.state, row.read_back, coded.read(row.reason) if row.reason else None)


def waiting(connection: sa.Connection) -> Sequence[Waiting]:
    """Commands without a result, in the order in which they were given."""
    column = command.c
    columns = (column.id, column.grp, column.device, GATEWAYS.c.gateway, column.point, column.value, column.why)
    query = sa.select(*columns, column.created_at, column.expires_at, column.state)
    query = query.join(GATEWAYS, sa.and_(GATEWAYS.c.grp == column.grp, GATEWAYS.c.id == column.device))
    found = connection.execute(query.where(column.state.in_(_UNFINISHED)).order_by(column.created_at))
    return [Waiting._make(row) for row in found]


def move_on(connection: sa.Connection, name: str, state: str, reason: Message | None) -> None:
    """Give a command another state, unless it has its result."""
    mine = (command.c.id == name, command.c.state.in_(_UNFINISHED))
    connection.execute(sa.update(command).where(*mine).values(state=state, reason=_kept(reason)))


def answered(connection: sa.Connection, group: str, device: str, name: str, found: Standing) -> None:
    """Keep the answer to a command; for an unknown id, or from another device than was asked, nothing changes."""
    mine = (command.c.id == name, command.c.grp == group, command.c.device == device)
    values = {"state": found.state, "read_back": found.read_back, "reason": _kept(found.reason)}
    connection.execute(sa.update(command).where(*mine).values(values))


def _kept(reason: Message | None) -> str:
    return "" if reason is None else reason.dumps()


def unfinished(connection: sa.Connection) -> int:
    """Number of commands without a result."""
    return connection.execute(sa.select(sa.func.count()).select_from(command).where(command.c.state.in_(_UNFINISHED))).scalar_one()
