"""Bills beside the figures of counters, in SQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import among, of, of_any, same
from cloud.ledger.tables import bill, meter
from cloud.platform.database import upsert

_BILL = bill.c
_COMPARED = sa.select(_BILL.grp, _BILL.meter, _BILL.month, _BILL.counted).where(
    among(bill), sa.select(meter.c.id).where(same(meter, bill)).exists()
)


class Compared(NamedTuple):
    """A bill's meter and month (YYYY-MM), and what the ledger had of the month when they were last compared, base units."""

    meter: MeterKey
    month: str
    counted: int


def amount(connection: sa.Connection, meter: MeterKey, month: str) -> int | None:
    """What the bill of a meter's month (YYYY-MM) says, base units; None if there is none."""
    found: int | None = connection.execute(sa.select(_BILL.amount).where(_of(meter, month))).scalar()
    return found


def of_meters(connection: sa.Connection, meters: Collection[MeterKey]) -> list[Compared]:
    """The bills of some meters, as far as the register has them."""
    return [Compared(MeterKey(group, name), month, counted) for group, name, month, counted in of_any(connection, _COMPARED, meters)]


def put(connection: sa.Connection, compared: Compared, amount: int, by: str, now: int) -> None:
    """Keep a bill with what the ledger has of its month, in the place of the one before.

    Args:
        connection: In a transaction that writes.
        compared: Whose, of which month, and what was counted.
        amount: What the bill says, base units.
        by: Who entered it.
        now: ms since 1970 in UTC.
    """
    meter, month, counted = compared
    row = {"grp": meter.group, "meter": meter.id, "month": month, "counted": counted}
    upsert(connection, bill, [row | {"amount": amount, "entered_by": by, "entered_at": now}])


def set_counted(connection: sa.Connection, compared: Compared) -> None:
    """Keep what the ledger has of the month of a bill now."""
    connection.execute(sa.update(bill).where(_of(compared.meter, compared.month)).values(counted=compared.counted))


def delete(connection: sa.Connection, meter: MeterKey, month: str) -> None:
    """Let the bill of a meter's month (YYYY-MM) go."""
    connection.execute(sa.delete(bill).where(_of(meter, month)))


def _of(meter: MeterKey, month: str) -> sa.ColumnElement[bool]:
    """The bill of a meter's month."""
    return sa.and_(of(bill, meter), _BILL.month == month)
