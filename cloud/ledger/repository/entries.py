"""Amounts that somebody entered for a month, in SQL; what they are by the hour stands with all other hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import sqlalchemy as sa

from cloud.ledger.tables import entry
from cloud.platform.database import upsert


def amount(connection: sa.Connection, meter: str, month: str) -> int | None:
    """What is entered for a month (YYYY-MM) of a meter, base units; None if nothing is."""
    found: int | None = connection.execute(sa.select(entry.c.amount).where(entry.c.meter == meter, entry.c.month == month)).scalar()
    return found


def months(connection: sa.Connection, meters: Collection[str]) -> defaultdict[str, set[str]]:
    """The months (YYYY-MM) that are entered, of each of some meters; a meter that has none has no month."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for meter, month in connection.execute(sa.select(entry.c.meter, entry.c.month).where(entry.c.meter.in_(list(meters)))):
        found[meter].add(month)
    return found


def put(connection: sa.Connection, meter: str, month: str, amount: int, by: str, now: int) -> None:
    """Keep what somebody entered for a month (YYYY-MM), base units, in the place of what was entered before."""
    row = {"meter": meter, "month": month, "amount": amount, "entered_by": by, "entered_at": now}
    upsert(connection, entry, [row])
