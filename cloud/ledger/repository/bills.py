"""Bills beside the figures of counters, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.tables import bill, meter
from cloud.platform.database import upsert

_BILL = bill.c


class Compared(NamedTuple):
    """A bill's meter and month (YYYY-MM), and what the ledger had of the month when they were last compared, base units."""

    meter: str
    month: str
    counted: int


def amount(connection: sa.Connection, name: str, month: str) -> int | None:
    """What the bill of a meter's month (YYYY-MM) says, base units; None if there is none."""
    found: int | None = connection.execute(sa.select(_BILL.amount).where(_of(name, month))).scalar()
    return found


def of_meters(connection: sa.Connection, meters: Collection[str]) -> list[Compared]:
    """The bills of some meters."""
    of_group = sa.select(meter.c.id).where(meter.c.id == _BILL.meter, meter.c.grp == _BILL.grp).exists()
    query = sa.select(_BILL.meter, _BILL.month, _BILL.counted).where(_BILL.meter.in_(list(meters)), of_group)
    return [Compared._make(row) for row in connection.execute(query).all()]


def put(connection: sa.Connection, group: str, compared: Compared, amount: int, by: str, now: int) -> None:
    """Keep a bill with what the ledger has of its month, in the place of the one before.

    Args:
        connection: In a transaction that writes.
        group: District code of the meter.
        compared: Whose, of which month, and what was counted.
        amount: What the bill says, base units.
        by: Who entered it.
        now: ms since 1970 in UTC.
    """
    row = {"grp": group, **compared._asdict(), "amount": amount, "entered_by": by, "entered_at": now}
    upsert(connection, bill, [row])


def set_counted(connection: sa.Connection, compared: Compared) -> None:
    """Keep what the ledger has of the month of a bill now."""
    connection.execute(sa.update(bill).where(_of(compared.meter, compared.month)).values(counted=compared.counted))


def delete(connection: sa.Connection, name: str, month: str) -> None:
    """Let the bill of a meter's month (YYYY-MM) go."""
    connection.execute(sa.delete(bill).where(_of(name, month)))


def _of(name: str, month: str) -> sa.ColumnElement[bool]:
    """The bill of a meter's month."""
    group = sa.select(meter.c.grp).where(meter.c.id == name).scalar_subquery()
    return sa.and_(_BILL.grp == group, _BILL.meter == name, _BILL.month == month)
