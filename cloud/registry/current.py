"""The newest reading of each point, as ingest keeps it: what the interface, the wall and the rules take for the present."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from cloud.registry.tables import latest

Row = sa.Row[Any]


def readings_of(connection: sa.Connection, group: str, device: str | None = None) -> defaultdict[str, dict[str, Row]]:
    """The rows of `latest` by device and point, of one device or of a whole group; a device without any has none."""
    query = sa.select(latest).where(latest.c.grp == group)
    if device is not None:
        query = query.where(latest.c.device == device)
    found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in connection.execute(query):
        found[row.device][row.point] = row
    return found


def seen(readings: Iterable[Row]) -> int | None:
    """Time (ms) of a device's newest good reading; None if there never was one."""
    return max((row.good_at for row in readings if row.good_at is not None), default=None)
