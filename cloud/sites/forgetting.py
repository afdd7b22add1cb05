"""Forgetting what only births and data made known: nodes, devices and points that somebody invented, or that are no more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.devices.model import FOREIGN_CLASS, GATEWAY_CLASS
from cloud.devices.queries import readings
from cloud.devices.queries.nodes import is_born
from cloud.devices.queries.register import spoken_for
from cloud.devices.repository.forgetting import forget_births, forget_deaths, forget_devices, forget_node, forget_readings
from cloud.ledger.queries.entered import counters
from cloud.ledger.repository.forgetting import forget_thinned
from cloud.platform.database import writing
from cloud.sites.entered import entered
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
        behind = [_Device(name, kind in {FOREIGN_CLASS, GATEWAY_CLASS}) for name, kind in spoken_for(connection, group, node)]
        known_node = _named(connection, group, node) or not all(one.of_births for one in behind)
        wanted = [one for one in behind if device in {None, one.id}]
        _check(connection, group, node, device, wanted)
        counted = counters(connection, group)
        staying = {device for device, _ in counted} | ({node} if known_node or device is not None else set())
        going = [one.id for one in wanted if one.of_births and one.id not in staying]
        whole = device is None and not known_node
        done = Forgotten(
            nodes=forget_node(connection, group, node) if whole else 0,
            devices=forget_devices(connection, group, going),
            points=forget_readings(connection, group, going)
            + sum(_forget_points(connection, group, one.id, counted) for one in wanted if one.id not in going),
            births=forget_births(connection, group, node, [*going, *([""] if whole else [])]),
        )
        forget_deaths(connection, group, going)
        forget_thinned(connection, group, going)
        if done == Forgotten(0, 0, 0, 0):
            raise ValueError(f"the site knows all that {node if device is None else device} is and told; there is nothing to forget")
        detail = {"group": group, "node": node, "device": device, **asdict(done), "named": going[:_TOLD]}
        audited(connection, "forget", detail, by, now, group=group)
    return done


def _check(connection: sa.Connection, group: str, node: str, device: str | None, wanted: Collection[_Device]) -> None:
    if device is not None and not wanted:
        raise ValueError(f"{node} speaks for no device {device!r} in the group {group}")
    if device is None and not wanted and not is_born(connection, group, node):
        raise ValueError(f"no node {node!r} in the group {group}; jieyue-cloud nodes lists them")


def _named(connection: sa.Connection, group: str, node: str) -> bool:
    """Whether the site that was entered has a gateway of this name."""
    found = entered(connection, group)
    return found is not None and node in {gateway.id for gateway in found.site.gateways}


def _forget_points(connection: sa.Connection, group: str, device: str, counted: Collection[tuple[str, str]]) -> int:
    """Forget the points of a device that stays, but for the product's own and those that a meter counts by; returns how many."""
    told = readings.points_of(connection, group, device)
    invented = [point for point in told if point not in POINTS and (device, point) not in counted]
    return forget_readings(connection, group, [device], invented)
