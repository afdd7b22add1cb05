"""Bills with what their counters counted, for whoever lists them or asks about a difference."""

from __future__ import annotations

from fractions import Fraction

import sqlalchemy as sa

from cloud.ledger.model import Bill
from cloud.ledger.selecting import same
from cloud.ledger.tables import bill, meter


def kept(connection: sa.Connection, group: str, *, beyond: Fraction | None = None) -> list[Bill]:
    """The bills of a district, by meter and month; only those that differ by more than a part of what was counted, where it is given."""
    column = bill.c
    mine = [column.grp == group]
    if beyond is not None:
        mine.append(sa.func.abs(column.amount - column.counted) * beyond.denominator > column.counted * beyond.numerator)
    columns = (column.meter, meter.c.energy, column.month, column.amount, column.counted)
    query = sa.select(*columns).join_from(bill, meter, same(meter, bill)).where(*mine)
    return [Bill(*row) for row in connection.execute(query.order_by(column.meter, column.month))]
