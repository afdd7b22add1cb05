"""Meters as they were entered, for whoever enters a site or forgets what no site knows."""

from __future__ import annotations

import json
from collections.abc import Collection

import sqlalchemy as sa

from cloud.ledger.stated import StatedMeter
from cloud.ledger.tables import earlier_counter, meter

_STATED = tuple(meter.c["grp" if name == "group" else name] for name in StatedMeter._fields)


def meters(connection: sa.Connection, group: str) -> list[StatedMeter]:
    """All meters of a group, by id; those too that the site no longer has."""
    rows = connection.execute(sa.select(*_STATED).where(meter.c.grp == group).order_by(meter.c.id))
    return [StatedMeter._make(row)._replace(name=json.loads(row.name)) for row in rows]


def known(connection: sa.Connection, group: str, ids: Collection[str]) -> list[str]:
    """Those of some ids that a meter of a group has."""
    return list(connection.execute(sa.select(meter.c.id).where(meter.c.grp == group, meter.c.id.in_(list(ids)))).scalars())


def counters(connection: sa.Connection, group: str) -> set[tuple[str, str]]:
    """Device and point of each meter of a group, and of what counted it before."""
    found: set[tuple[str, str]] = set()
    for table in (meter, earlier_counter):
        rows = connection.execute(sa.select(table.c.device, table.c.point).where(table.c.grp == group, table.c.device.is_not(None)))
        found.update((device, point) for device, point in rows)
    return found
