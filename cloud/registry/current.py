"""The newest reading of each point, as ingest keeps it: what the interface, the wall and the rules take for the present."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from cloud.registry.tables import latest
from contract.reading import Quality

Row = sa.Row[Any]
_COLUMNS = tuple(latest.c[name] for name in ("device", "point", "value", "at", "quality", "good_at"))


def readings_of(connection: sa.Connection, group: str, devices: Sequence[str] | None = None) -> defaultdict[str, dict[str, Row]]:
    """Rows of `latest` by device and point, of some devices or of a whole group; a device without any has none.

    A row has `device`, `point`, `value`, `at`, `quality` and `good_at`: what is read of thousands of devices every few seconds is no more
    than somebody looks at.
    """
    query = sa.select(*_COLUMNS).where(latest.c.grp == group)
    if devices is not None:
        query = query.where(latest.c.device.in_(devices))
    found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in connection.execute(query).all():
        found[row[0]][row[1]] = row
    return found


def seen(readings: Iterable[Row]) -> int | None:
    """Time (ms) of a device's newest good reading; None if there never was one."""
    return max([row.good_at for row in readings if row.good_at is not None], default=None)


def seen_of(connection: sa.Connection, group: str) -> dict[str, int]:
    """The same for each device of a group that ever gave one; the database adds up, since a device may have hundreds of points."""
    query = sa.select(latest.c.device, sa.func.max(latest.c.good_at)).where(latest.c.grp == group, latest.c.good_at.is_not(None))
    return {device: at for device, at in connection.execute(query.group_by(latest.c.device)).all()}  # noqa: C416 (rows are no pairs to mypy)


def good_of(connection: sa.Connection, group: str, points: Collection[str] | None) -> Sequence[Row]:
    """Device, point, value and time (ms) of a group's newest readings that are good; of these points only, or of all."""
    good = sa.and_(latest.c.grp == group, latest.c.quality == int(Quality.GOOD), latest.c.value.is_not(None))
    query: sa.Select[Any] = sa.select(latest.c.device, latest.c.point, latest.c.value, latest.c.at).where(good)
    return connection.execute(query if points is None else query.where(latest.c.point.in_(sorted(points)))).all()
