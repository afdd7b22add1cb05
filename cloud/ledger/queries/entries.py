"""Months that somebody entered, for whoever shows them or must know where no device counts."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import of, same
from cloud.ledger.tables import entry, meter


class EnteredMonth(NamedTuple):
    """A month (YYYY-MM) with its amount in base units of the energy, and who entered it when (ms)."""

    month: str
    amount: int
    energy: str
    by: str
    at: int


def of_meter(connection: sa.Connection, key: MeterKey) -> list[EnteredMonth]:
    """The entered months of a meter, oldest first."""
    columns = (entry.c.month, entry.c.amount, meter.c.energy, entry.c.entered_by, entry.c.entered_at)
    query = sa.select(*columns).join_from(entry, meter, same(meter, entry))
    rows = connection.execute(query.where(of(entry, key)).order_by(entry.c.month))
    return [EnteredMonth._make(row) for row in rows]


def all_months(connection: sa.Connection, group: str) -> list[tuple[str, str]]:
    """Meter and month (YYYY-MM) of every amount that was entered in a group."""
    return [(row.meter, row.month) for row in connection.execute(sa.select(entry.c.meter, entry.c.month).where(entry.c.grp == group))]
