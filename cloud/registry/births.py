"""Edge nodes, and what their newest birth certificates say, for whoever is not ingest."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.registry.tables import birth, device, node, site

GATEWAY_CLASS = "gateway"
FOREIGN_CLASS = "foreign"
"""Class of a device that only a birth made known."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Sparkplug edge node.

    Attributes:
        group: Sparkplug group.
        id: Sparkplug edge node id, unique in its group.
        online: Whether its session stands.
        changed_at: Since when it is online or not, ms.
        stores: Whether it keeps its readings until they are acknowledged, as our gateways do.
        known_group: Whether a site has its group.
        devices: Ids of those that it speaks for.
    """

    group: str
    id: str
    online: bool
    changed_at: int
    stores: bool
    known_group: bool
    devices: list[str]


def nodes(engine: sa.Engine) -> list[Node]:
    """Every node that was ever born, of all groups, by group and id."""
    devices: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with engine.connect() as connection:
        groups = set(connection.execute(sa.select(site.c.grp)).scalars())
        for row in connection.execute(sa.select(device.c.grp, device.c.id, device.c.gateway).order_by(device.c.id)):
            if row.id != row.gateway:
                devices[row.grp, row.gateway].append(row.id)
        rows = connection.execute(sa.select(node).order_by(node.c.grp, node.c.id)).all()
    return [
        Node(row.grp, row.id, row.online, row.changed_at, row.outbox is not None, row.grp in groups, devices[row.grp, row.id])
        for row in rows
    ]


def node_exists(engine: sa.Engine, group: str, name: str) -> bool:
    """Whether a node of this name was ever born in a group."""
    with engine.connect() as connection:
        return connection.execute(sa.select(node.c.id).where(node.c.grp == group, node.c.id == name)).first() is not None


def newest_datatypes(engine: sa.Engine, group: str, name: str, device_id: str) -> Mapping[str, int] | None:
    """Datatype by metric name, from the newest birth of a device, or of the node for an empty id; None if there was none."""
    of_device = (birth.c.grp == group, birth.c.node == name, birth.c.device == device_id)
    query = sa.select(birth.c.metrics).where(*of_device).order_by(birth.c.at.desc()).limit(1)
    with engine.connect() as connection:
        metrics = connection.execute(query).scalar_one_or_none()
    return None if metrics is None else {name: datatype for name, (datatype, _) in json.loads(metrics).items()}
