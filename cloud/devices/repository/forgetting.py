"""What only births and data made known is deleted; each function works on the caller's connection and returns how many rows went."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cloud.devices.tables import birth, device, device_state, latest, node


def forget_node(connection: sa.Connection, group: str, name: str) -> int:
    """Forget a node, but not what it speaks for."""
    return _delete(connection, node, grp=[group], id=[name])


def forget_devices(connection: sa.Connection, group: str, devices: Sequence[str]) -> int:
    """Forget rows of the register."""
    return _delete(connection, device, grp=[group], id=devices)


def forget_readings(connection: sa.Connection, group: str, devices: Sequence[str], points: Sequence[str] | None = None) -> int:
    """Forget the newest readings of some devices, of some points only or of all."""
    of_points = {} if points is None else {"point": points}
    return _delete(connection, latest, grp=[group], device=devices, **of_points)


def forget_births(connection: sa.Connection, group: str, name: str, devices: Sequence[str]) -> int:
    """Forget the births of some devices of a node; an empty id is the node's own."""
    return _delete(connection, birth, grp=[group], node=[name], device=devices)


def forget_deaths(connection: sa.Connection, group: str, devices: Sequence[str]) -> int:
    """Forget whether some devices are dead."""
    return _delete(connection, device_state, grp=[group], device=devices)


def _delete(connection: sa.Connection, table: sa.Table, **among: Sequence[str]) -> int:
    """Delete the rows whose columns each have one of some values."""
    gone = sa.delete(table).where(*(table.c[name].in_(values) for name, values in among.items()))
    return connection.execute(gone).rowcount
