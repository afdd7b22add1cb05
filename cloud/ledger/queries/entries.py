"""Months that somebody entered, for whoever shows them or must know where no device counts."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger.tables import entry


def all_months(connection: sa.Connection, group: str) -> list[tuple[str, str]]:
    """Meter and month (YYYY-MM) of every amount that was entered in a group."""
    return [(row.meter, row.month) for row in connection.execute(sa.select(entry.c.meter, entry.c.month).where(entry.c.grp == group))]
