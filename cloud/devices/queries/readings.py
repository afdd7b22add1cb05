"""The newest reading of each point, as ingest keeps it: what the interface, the wall and the rules take for the present."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices.model import Reading, Told
from cloud.devices.tables import device_state, latest
from contract.reading import Quality

_READING = tuple(latest.c[name] for name in Reading._fields)
_TOLD = (*(latest.c[name] for name in Told._fields if name != "dead_at"), device_state.c.dead_at)


class DevicePoint(NamedTuple):
    """A point of a device."""

    group: str
    device: str
    point: str


def newest(connection: sa.Connection, group: str, devices: Sequence[str] | None = None) -> defaultdict[str, dict[str, Reading]]:
    """Newest readings by device and point, of some devices or of a whole group; a device without any has none.

    What is read of thousands of devices every few seconds has no more columns than somebody looks at.
    """
    query = sa.select(*_READING).where(latest.c.grp == group)
    if devices is not None:
        query = query.where(latest.c.device.in_(devices))
    found: defaultdict[str, dict[str, Reading]] = defaultdict(dict)
    for row in connection.execute(query).all():
        found[row[0]][row[1]] = Reading._make(row)
    return found


def told(connection: sa.Connection, group: str, device: str | None = None, *, received_from: int | None = None) -> list[Told]:
    """The same with when it came, by device and point: of one device or of all.

    Args:
        connection: For reading.
        group: Sparkplug group.
        device: Of this one only.
        received_from: Only those that came or became stale at or after this moment (ms).
    """
    of_device = sa.and_(device_state.c.grp == latest.c.grp, device_state.c.device == latest.c.device)
    query: sa.Select[Any] = sa.select(*_TOLD).join_from(latest, device_state, of_device, isouter=True).where(latest.c.grp == group)
    if device is not None:
        query = query.where(latest.c.device == device)
    if received_from is not None:
        query = query.where(sa.or_(latest.c.received_at >= received_from, device_state.c.changed_at >= received_from))
    return [Told._make(row) for row in connection.execute(query.order_by(latest.c.device, latest.c.point)).all()]


def points(connection: sa.Connection) -> Iterator[DevicePoint]:
    """The points that ever had a reading, of all groups."""
    return map(DevicePoint._make, connection.execute(sa.select(latest.c.grp, latest.c.device, latest.c.point)))


def points_of(connection: sa.Connection, group: str, device: str) -> list[str]:
    """The points that a device ever told."""
    return list(connection.execute(sa.select(latest.c.point).where(latest.c.grp == group, latest.c.device == device)).scalars())


def seen(connection: sa.Connection, group: str) -> dict[str, int]:
    """Time (ms) of the newest good reading of each device that ever gave one.

    The database adds up, since a device may have hundreds of points.
    """
    query = sa.select(latest.c.device, sa.func.max(latest.c.good_at)).where(latest.c.grp == group, latest.c.good_at.is_not(None))
    return {device: at for device, at in connection.execute(query.group_by(latest.c.device)).all()}  # noqa: C416 (rows are no pairs to mypy)


def good(connection: sa.Connection, group: str, points: Collection[str] | None) -> Sequence[sa.Row[tuple[str, str, float, int]]]:
    """Device, point, value and time (ms) of a group's newest readings that are good; of these points only, or of all."""
    where = sa.and_(latest.c.grp == group, latest.c.quality == int(Quality.GOOD), latest.c.value.is_not(None))
    query: sa.Select[Any] = sa.select(latest.c.device, latest.c.point, latest.c.value, latest.c.at).where(where)
    return connection.execute(query if points is None else query.where(latest.c.point.in_(sorted(points)))).all()
