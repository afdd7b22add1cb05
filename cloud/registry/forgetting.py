"""Forgetting what only births and data made known: nodes, devices and points that somebody invented, or that are no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices import tables as devices_tables
from cloud.devices.model import FOREIGN_CLASS, GATEWAY_CLASS
from cloud.ledger import tables as ledger_tables
from cloud.platform.database import writing
from cloud.registry.entering import entered
from contract.point import POINTS

_TOLD = 200
"""Devices that the audit names one by one."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much was forgotten: rows of nodes, devices, newest readings (one a point) and birth certificates."""

    nodes: int
    devices: int
    points: int
    births: int


class _Device(NamedTuple):
    id: str
    of_births: bool
    """Whether only births made it known."""


def forget(engine: sa.Engine, group: str, node: str, device: str | None, by: str, now: int) -> Forgotten:
    """Forget a node or a device of it, as far as the site does not know it; readings stay in the time-series store.

    A node, a device or a point is known to the site if its files name it, if a meter counts or counted by it, or, a point of a device
    that they name, if it is one of the product's own.

    Args:
        engine: Of the registry.
        group: Sparkplug group.
        node: Id of the node.
        device: Id of a device that it speaks for; None for the node with all of them.
        by: Who forgets it.
        now: ms since 1970 in UTC.

    Raises:
        ValueError: There is no such node or device, or the site knows all of it.
    """
    with writing(engine).begin() as connection:
        spoken_for = _devices(connection, group, node)
        known_node = _named(connection, group, node) or not all(one.of_births for one in spoken_for)
        wanted = [one for one in spoken_for if device in {None, one.id}]
        _check(connection, group, node, device, wanted)
        counted = _counted(connection, group)
        staying = {device for device, _ in counted} | ({node} if known_node or device is not None else set())
        going = [one.id for one in wanted if one.of_births and one.id not in staying]
        whole = device is None and not known_node
        done = Forgotten(
            nodes=_delete(connection, devices_tables.node, grp=[group], id=[node]) if whole else 0,
            devices=_delete(connection, devices_tables.device, grp=[group], id=going),
            points=_delete(connection, devices_tables.latest, grp=[group], device=going)
            + sum(_forget_points(connection, group, one.id, counted) for one in wanted if one.id not in going),
            births=_delete(connection, devices_tables.birth, grp=[group], node=[node], device=[*going, *([""] if whole else [])]),
        )
        for table in (devices_tables.device_state, ledger_tables.thinned):
            _delete(connection, table, grp=[group], device=going)
        if done == Forgotten(0, 0, 0, 0):
            raise ValueError(f"the site knows all that {node if device is None else device} is and told; there is nothing to forget")
        audited(connection, "forget", {"group": group, "node": node, "device": device, **asdict(done), "named": going[:_TOLD]}, by, now)
    return done


def _check(connection: sa.Connection, group: str, node: str, device: str | None, wanted: Collection[_Device]) -> None:
    column = devices_tables.node.c
    if device is not None and not wanted:
        raise ValueError(f"{node} speaks for no device {device!r} in the group {group}")
    born = sa.select(column.id).where(column.grp == group, column.id == node)
    if device is None and not wanted and connection.execute(born).first() is None:
        raise ValueError(f"no node {node!r} in the group {group}; jieyue-cloud nodes lists them")


def _devices(connection: sa.Connection, group: str, node: str) -> list[_Device]:
    """The devices that a node speaks for, and itself as one."""
    column = devices_tables.device.c
    query = sa.select(column.id, column["class"]).where(column.grp == group, column.gateway == node).order_by(column.id)
    return [_Device(name, kind in {FOREIGN_CLASS, GATEWAY_CLASS}) for name, kind in connection.execute(query)]


def _named(connection: sa.Connection, group: str, node: str) -> bool:
    """Whether the site that was entered has a gateway of this name."""
    found = entered(connection)
    return found is not None and found.site.group == group and node in {gateway.id for gateway in found.site.gateways}


def _counted(connection: sa.Connection, group: str) -> set[tuple[str, str]]:
    """Device and point of each meter, and of what counted it before."""
    found: set[tuple[str, str]] = set()
    for table in (ledger_tables.meter, ledger_tables.earlier_counter):
        rows = connection.execute(sa.select(table.c.device, table.c.point).where(table.c.grp == group, table.c.device.is_not(None)))
        found.update((device, point) for device, point in rows)
    return found


def _forget_points(connection: sa.Connection, group: str, device: str, counted: Collection[tuple[str, str]]) -> int:
    """Forget the points of a device that stays, but for the product's own and those that a meter counts by; returns how many."""
    column = devices_tables.latest.c
    told = connection.execute(sa.select(column.point).where(column.grp == group, column.device == device)).scalars()
    invented = [point for point in told if point not in POINTS and (device, point) not in counted]
    return _delete(connection, devices_tables.latest, grp=[group], device=[device], point=invented)


def _delete(connection: sa.Connection, table: sa.Table, **among: Sequence[str]) -> int:
    """Delete the rows whose columns each have one of some values; returns how many."""
    gone = sa.delete(table).where(*(table.c[name].in_(values) for name, values in among.items()))
    return connection.execute(gone).rowcount
