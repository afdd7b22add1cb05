"""Edge nodes and the devices that their births make known: births, sessions, and who lives."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from cloud.devices.model import DeviceState, KeptBirth, NewDevice, NodeState
from cloud.devices.tables import birth, device, device_state, node
from cloud.platform.database import upsert

_BIRTH = ("grp", "node", "device", "at", "bd_seq", "metrics")
_NODE = ("grp", "id", "outbox", "bd_seq", "online", "changed_at")
_STATE = ("grp", "device", "dead_at", "changed_at")


def put_births(connection: sa.Connection, births: Collection[KeptBirth]) -> None:
    """Keep birth certificates, by node, device and time."""
    upsert(connection, birth, [dict(zip(_BIRTH, one, strict=True)) for one in births])


def forget_births(connection: sa.Connection, births: Iterable[tuple[str, str, str, int]]) -> None:
    """Forget births by group, node, device and time (ms)."""
    for group, name, of, at in births:
        mine = (birth.c.grp == group, birth.c.node == name, birth.c.device == of, birth.c.at == at)
        connection.execute(sa.delete(birth).where(*mine))


def put_nodes(connection: sa.Connection, states: Collection[NodeState]) -> None:
    """Keep how nodes stand."""
    upsert(connection, node, [dict(zip(_NODE, one, strict=True)) for one in states])


def put_devices(connection: sa.Connection, devices: Collection[NewDevice]) -> None:
    """Enter devices that only births make known."""
    upsert(
        connection,
        device,
        [
            {
                "grp": one.group,
                "id": one.id,
                "class": one.device_class,
                "name": json.dumps(one.name, ensure_ascii=False),
                "gateway": one.gateway,
            }
            for one in devices
        ],
    )


def put_states(connection: sa.Connection, states: Collection[DeviceState]) -> None:
    """Keep whether devices live."""
    upsert(connection, device_state, [dict(zip(_STATE, one, strict=True)) for one in states])
