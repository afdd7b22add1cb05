"""Amounts that somebody entered for a month, in SQL; what they are by the hour stands with all other hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import sqlalchemy as sa

from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import among, of, of_any
from cloud.ledger.tables import entry
from cloud.platform.database import upsert

_MONTHS = sa.select(entry.c.grp, entry.c.meter, entry.c.month).where(among(entry))


def amount(connection: sa.Connection, meter: MeterKey, month: str) -> int | None:
    """What is entered for a month (YYYY-MM) of a meter, base units; None if nothing is."""
    found: int | None = connection.execute(sa.select(entry.c.amount).where(of(entry, meter), entry.c.month == month)).scalar()
    return found


def months(connection: sa.Connection, meters: Collection[MeterKey]) -> defaultdict[MeterKey, set[str]]:
    """The months (YYYY-MM) that are entered, of each of some meters; a meter that has none has no month."""
    found: defaultdict[MeterKey, set[str]] = defaultdict(set)
    for group, meter, month in of_any(connection, _MONTHS, meters):
        found[MeterKey(group, meter)].add(month)
    return found


def put(connection: sa.Connection, meter: MeterKey, month: str, amount: int, by: str, now: int) -> None:
    """Keep what somebody entered for a month (YYYY-MM), base units, in the place of what was entered before."""
    row = {"grp": meter.group, "meter": meter.id, "month": month, "amount": amount, "entered_by": by, "entered_at": now}
    upsert(connection, entry, [row])
