"""The devices of a group, as the register has them."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from cloud.devices.model import Device, Placed, RegisteredDevice, life_of, profile_of
from cloud.devices.tables import device, device_state

_COLUMNS = (*(device.c[name] for name in ("id", "class", "gateway", "name", "compound", "profile", "interval")), device_state.c.dead_at)
_REGISTERED = tuple(device.c[name] for name in ("grp", "id", "class", "name", "compound", "gateway", "profile", "interval"))
"""As `RegisteredDevice` has them."""
KINDS = sa.select(device.c.grp, device.c.id, device.c["class"], device.c.interval).subquery("kinds")
"""Asks for the class and the interval of each device; for a question that needs them inside."""
GATEWAYS = sa.select(device.c.grp, device.c.id, device.c.gateway).subquery("gateways")
"""Asks for the gateway of each device; for a question that needs it inside."""


def devices(
    connection: sa.Connection, group: str, *, after: str | None = None, limit: int | None = None, device_class: str | None = None
) -> list[Device]:
    """The devices of a group, by id, without those that the site no longer has.

    Args:
        connection: For reading.
        group: Sparkplug group.
        after: Only those whose ids follow this one.
        limit: So many at most.
        device_class: Only those of this class.
    """
    query = _of(group)
    if after is not None:
        query = query.where(device.c.id > after)
    if device_class is not None:
        query = query.where(device.c["class"] == device_class)
    return [_made(row) for row in connection.execute(query.limit(limit)).all()]


def one(connection: sa.Connection, group: str, name: str) -> Device | None:
    """A device by its id; None where there is none, or the site no longer has it."""
    row = connection.execute(_of(group).where(device.c.id == name)).one_or_none()
    return None if row is None else _made(row)


def registered(connection: sa.Connection, group: str) -> list[RegisteredDevice]:
    """The register's rows of a group, by id; those too that the site no longer has, or that only a birth made known."""
    rows = connection.execute(sa.select(*_REGISTERED).where(device.c.grp == group).order_by(device.c.id))
    return [RegisteredDevice._make(row)._replace(name=json.loads(row.name)) for row in rows]


def spoken_for(connection: sa.Connection, group: str, node: str) -> list[tuple[str, str]]:
    """Id and class of each device that a node speaks for, itself as one, by id."""
    query = sa.select(device.c.id, device.c["class"]).where(device.c.grp == group, device.c.gateway == node)
    return [(name, device_class) for name, device_class in connection.execute(query.order_by(device.c.id))]


def names(connection: sa.Connection, group: str) -> dict[str, dict[str, str]]:
    """What people call each device of a group, by its id; of those too that the site no longer has."""
    query = sa.select(device.c.id, device.c.name).where(device.c.grp == group).order_by(device.c.id)
    return {row.id: json.loads(row.name) for row in connection.execute(query)}


def gateways(connection: sa.Connection, group: str, devices: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Id and gateway of some devices of a group, or of all."""
    query = sa.select(device.c.id, device.c.gateway).where(device.c.grp == group)
    query = query if devices is None else query.where(device.c.id.in_(list(devices)))
    return [(row.id, row.gateway) for row in connection.execute(query)]


def is_known(connection: sa.Connection, group: str) -> bool:
    """Whether a group has any device."""
    return connection.execute(sa.select(device.c.id).where(device.c.grp == group).limit(1)).first() is not None


def everywhere(connection: sa.Connection) -> list[tuple[str, str, str]]:
    """Group, class and id of each device of all groups, by group and id."""
    query = sa.select(device.c.grp, device.c["class"], device.c.id).order_by(device.c.grp, device.c.id)
    return [(group, device_class, name) for group, device_class, name in connection.execute(query)]


def placed(connection: sa.Connection) -> dict[tuple[str, str], Placed]:
    """Each device of all groups by group and id, of those too that the site no longer has."""
    columns = (device.c.grp, device.c.id, device.c["class"], device.c.gateway, device.c.profile)
    return {(group, name): Placed(*placed) for group, name, *placed in connection.execute(sa.select(*columns))}


def by_node(connection: sa.Connection) -> dict[tuple[str, str], list[str]]:
    """Ids of the devices behind each node, by its group and id."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(sa.select(device.c.grp, device.c.id, device.c.gateway).order_by(device.c.id)):
        if row.id != row.gateway:
            found.setdefault((row.grp, row.gateway), []).append(row.id)
    return found


def _of(group: str) -> sa.Select[Any]:
    own = sa.and_(device_state.c.grp == device.c.grp, device_state.c.device == device.c.id)
    joined: sa.Select[Any] = sa.select(*_COLUMNS).join_from(device, device_state, own, isouter=True)
    return joined.where(device.c.grp == group, device.c.retired_on.is_(None)).order_by(device.c.id)


def _made(row: sa.Row[Any]) -> Device:
    device = _device(*row)
    missing = device.profile is None and device.profile_id is not None
    return _device.__wrapped__(*row) if missing else device  # a profile that is not there yet may come at any time


@lru_cache(maxsize=1 << 16)
def _device(*columns: Any) -> Device:  # noqa: ANN401 (a row of the database)
    """Made once: thousands of rows are the same at each look."""
    name, device_class, gateway, names_of, compound, profile, interval, dead_at = columns
    life = life_of(device_class, interval, dead_at)
    return Device(name, device_class, gateway, json.loads(names_of), life, profile_of(profile), compound, profile, interval)
