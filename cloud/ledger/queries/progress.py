"""How far the ledger has counted, in numbers: hours that wait, and hours that are provisional."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger.model import MeterKey, OfMeter
from cloud.ledger.tables import ledger_hour, meter, touched


def waiting_hours(connection: sa.Connection) -> list[OfMeter]:
    """The touched hours of each meter of any group that has any, the one with the most first."""
    by_meter = sa.select(touched.c.grp, touched.c.meter, sa.func.count().label("hours"), sa.func.min(touched.c.hour).label("oldest"))
    found = by_meter.group_by(touched.c.grp, touched.c.meter).subquery()
    query = sa.select(found.c.grp, found.c.meter, meter.c.energy, found.c.hours, found.c.oldest)
    rows = connection.execute(query.outerjoin_from(found, meter, sa.and_(meter.c.grp == found.c.grp, meter.c.id == found.c.meter)))
    waiting = [OfMeter(MeterKey(group, name), *row) for group, name, *row in rows]
    return sorted(waiting, key=lambda one: (-one.hours, one.meter.id, one.meter.group))


def provisional_hours(connection: sa.Connection) -> dict[str, int]:
    """How many hours of all groups what follows may decide otherwise, by energy; an hour with two provenances is one."""
    column = ledger_hour.c
    hours = sa.select(column.grp, column.meter, column.hour).where(column.provisional.is_(True)).distinct().subquery()
    query = sa.select(meter.c.energy, sa.func.count()).join_from(
        hours, meter, sa.and_(meter.c.grp == hours.c.grp, meter.c.id == hours.c.meter)
    )
    return dict(connection.execute(query.group_by(meter.c.energy).order_by(meter.c.energy)).all())
