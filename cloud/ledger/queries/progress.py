"""How far the ledger has counted, in numbers: hours that wait, and hours that are provisional."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger.model import OfMeter
from cloud.ledger.tables import ledger_hour, meter, touched


def waiting_hours(connection: sa.Connection) -> list[OfMeter]:
    """The touched hours of each meter that has any, the one with the most first."""
    by_meter = sa.select(touched.c.meter, sa.func.count().label("hours"), sa.func.min(touched.c.hour).label("oldest"))
    found = by_meter.group_by(touched.c.meter).subquery()
    query = sa.select(found.c.meter, meter.c.energy, found.c.hours, found.c.oldest)
    rows = connection.execute(query.outerjoin_from(found, meter, meter.c.id == found.c.meter))
    return sorted((OfMeter(*row) for row in rows), key=lambda one: (-one.hours, one.meter))


def provisional_hours(connection: sa.Connection) -> dict[str, int]:
    """How many hours what follows may decide otherwise, by energy; an hour with two provenances is one."""
    column = ledger_hour.c
    hours = sa.select(column.meter, column.hour).where(column.provisional.is_(True)).distinct().subquery()
    query = sa.select(meter.c.energy, sa.func.count()).join_from(hours, meter, meter.c.id == hours.c.meter)
    return dict(connection.execute(query.group_by(meter.c.energy).order_by(meter.c.energy)).all())
