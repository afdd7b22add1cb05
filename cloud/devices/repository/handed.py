"""Nodes that workers leave to the leader; each function works on the caller's connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from cloud.devices.tables import handed
from cloud.platform.database import upsert


def hand(connection: sa.Connection, nodes: Iterable[tuple[str, str]]) -> None:
    """Leave nodes (group and id) to the leader, or leave them once more."""
    upsert(connection, handed, [{"grp": group, "node": name, "number": 1} for group, name in sorted(nodes)], add="number")


def give_back(connection: sa.Connection, nodes: Mapping[tuple[str, str], int]) -> None:
    """Let workers take nodes again, of each what was left so many times; one that was left once more meanwhile stays."""
    column = handed.c
    for (group, name), number in sorted(nodes.items()):
        connection.execute(sa.delete(handed).where(column.grp == group, column.node == name, column.number == number))
