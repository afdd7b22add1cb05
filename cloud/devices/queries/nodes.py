"""Edge nodes, their birth certificates, and what the newest of them say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from cloud.devices.model import KeptBirth, Node, NodeState, Speaker
from cloud.devices.queries import register
from cloud.devices.tables import birth, device, handed, node
from cloud.organisations.queries import GROUPS, groups

_AT_A_TIME = 20
"""Birth certificates that are read at once."""


def nodes(engine: sa.Engine) -> list[Node]:
    """Every node that was ever born, of all groups, by group and id."""
    with engine.connect() as connection:
        known, devices = groups(connection), register.by_node(connection)
        rows = connection.execute(sa.select(node).order_by(node.c.grp, node.c.id)).all()
    return [
        Node(row.grp, row.id, row.online, row.changed_at, row.outbox is not None, row.grp in known, devices.get((row.grp, row.id), []))
        for row in rows
    ]


def states(connection: sa.Connection) -> list[NodeState]:
    """How every node stands that was ever born, of all groups."""
    return [NodeState._make(row) for row in connection.execute(sa.select(node))]


def births(connection: sa.Connection) -> Iterator[KeptBirth]:
    """All birth certificates that are kept, the newest first; few are in memory at a time, since one may have megabytes."""
    newest_first = sa.select(birth).order_by(birth.c.at.desc()).execution_options(yield_per=_AT_A_TIME)
    return map(KeptBirth._make, connection.execute(newest_first))


def node_exists(engine: sa.Engine, group: str, name: str) -> bool:
    """Whether a node of this name was ever born in a group."""
    with engine.connect() as connection:
        return is_born(connection, group, name)


def is_born(connection: sa.Connection, group: str, name: str) -> bool:
    """The same, in the caller's transaction."""
    return connection.execute(sa.select(node.c.id).where(node.c.grp == group, node.c.id == name)).first() is not None


def online(connection: sa.Connection, group: str) -> dict[str, bool]:
    """Whether each node that was ever born in a group is online."""
    query = sa.select(node.c.id, node.c.online).where(node.c.grp == group).order_by(node.c.id)
    return {row.id: row.online for row in connection.execute(query)}


def strangers(connection: sa.Connection, group: str) -> dict[str, list[str]]:
    """Nodes that are online in a group that no site has, by group; those of a group itself are left out."""
    unknown = sa.and_(node.c.online, node.c.grp != group, node.c.grp.not_in(GROUPS))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(node.c.grp, node.c.id).where(unknown).order_by(node.c.grp, node.c.id)):
        found[row.grp].append(row.id)
    return found


def speaker_of(connection: sa.Connection, group: str, name: str) -> Speaker | None:
    """A device with the gateway that speaks for it; None where there is none such."""
    of_node = sa.and_(node.c.grp == device.c.grp, node.c.id == device.c.gateway)
    columns = (*(device.c[column] for column in ("grp", "id", "gateway", "class", "profile")), node.c.outbox)
    query = sa.select(*columns).join_from(device, node, of_node, isouter=True).where(device.c.grp == group, device.c.id == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else Speaker._make(row)


def keeper_of(connection: sa.Connection, group: str, source: str) -> str | None:
    """The gateway that keeps the rows of a device, or its own; None where nobody does."""
    of_node = sa.and_(node.c.grp == device.c.grp, node.c.id == device.c.gateway, node.c.outbox.is_not(None))
    query = sa.select(node.c.id).join(device, of_node).where(device.c.grp == group, device.c.id == source)
    return connection.execute(query).scalar()


def newest_datatypes(engine: sa.Engine, group: str, name: str, device_id: str) -> Mapping[str, int] | None:
    """Datatype by metric name, from the newest birth of a device, or of the node for an empty id; None if there was none."""
    of_device = (birth.c.grp == group, birth.c.node == name, birth.c.device == device_id)
    query = sa.select(birth.c.metrics).where(*of_device).order_by(birth.c.at.desc()).limit(1)
    with engine.connect() as connection:
        metrics = connection.execute(query).scalar_one_or_none()
    return None if metrics is None else {name: datatype for name, (datatype, _) in json.loads(metrics).items()}


def outboxes(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """The outbox of each node that has one, by group and id, as its last birth named it."""
    rows = connection.execute(sa.select(node.c.grp, node.c.id, node.c.outbox).where(node.c.outbox.is_not(None)))
    return {(group, name): outbox for group, name, outbox in rows}


def left_to_leader(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """The nodes that workers leave to the leader, by group and id, and how often they did."""
    return {(group, name): number for group, name, number in connection.execute(sa.select(handed.c.grp, handed.c.node, handed.c.number))}
