"""Commands to devices: checked against the profile, kept, and shown as they stand."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.registry.database import writing
from cloud.registry.tables import audit, command
from contract.clock import iso
from contract.profile import Profile

QUEUED, SENT = "queued", "sent"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants a device to do.

    Attributes:
        group: District code.
        device: Id of the device.
        point: Point to write.
        value: In the point's unit, or the number of a state.
        why: The person's reason.
        by: Who orders it.
        expires_at: From then on it must not be carried out, ms since 1970 in UTC.
    """

    group: str
    device: str
    point: str
    value: float
    why: str
    by: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a command stands; `reason` says why it was not done."""

    state: str
    read_back: float | None
    reason: str


def fault(order: Order, profile: Profile | None, now: int) -> str:
    """Why an order cannot be given; empty if it can.

    The gateway checks again before it writes; refusing here tells the person at once.
    """
    if profile is None:
        return f"{order.device} has no profile, so nothing may be written to it"
    mapped = profile.points.get(order.point)
    writable = sorted(name for name, point in profile.points.items() if point.writable)
    if mapped is None or not mapped.writable:
        return f"point: {order.point!r} of {order.device} cannot be written; expected {_one_of(writable)}"
    if mapped.values is not None and order.value not in mapped.values:
        return f"value: expected {_one_of([f'{raw} ({name})' for raw, name in mapped.values.items()])}, got {order.value:g}"
    if mapped.limits is not None and not mapped.limits.min <= order.value <= mapped.limits.max:
        return f"value: expected {mapped.limits.min:g} to {mapped.limits.max:g} {mapped.unit}, got {order.value:g}"
    if order.expires_at <= now:
        return f"expires: expected a time after {iso(now)}, got {iso(order.expires_at)}"
    return ""


def place(engine: sa.Engine, order: Order, now: int) -> str:
    """Keep an order that has no `fault`, to be sent; its audit row is of the same transaction.

    Returns:
        The id of the command.
    """
    name = str(uuid.uuid4())
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
    detail = f"{name}: {order.device} {order.point} = {order.value:g}: {order.why}"
    with writing(engine).begin() as connection:
        connection.execute(command.insert().values(row))
        connection.execute(audit.insert().values(at=now, by=order.by, action="command", detail=detail))
    return name


def standing(engine: sa.Engine, group: str, name: str) -> Standing | None:
    """How a command stands, None if there is none such; one that waits to be sent is shown as sent."""
    query = sa.select(command.c.state, command.c.read_back, command.c.reason).where(command.c.grp == group, command.c.id == name)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Standing(SENT if row.state == QUEUED else row.state, row.read_back, row.reason)


def _one_of(names: list[str]) -> str:
    return f"one of {', '.join(names)}" if names else "another device: none of its points may be written"
