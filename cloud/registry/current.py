"""The newest reading of each point, as ingest keeps it: what the interface, the wall and the rules take for the present."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from cloud.registry.tables import latest

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
