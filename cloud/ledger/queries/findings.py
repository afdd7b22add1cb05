"""What people are asked about: judgements with something at stake, and records that the samples do not show."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.counters import Judgement
from cloud.ledger.selecting import same
from cloud.ledger.tables import exchange, judgement, ledger_hour, meter, ratio_change

_JUDGED = [judgement.c[name] for name in Judgement._fields]


class Asked(NamedTuple):
    """A judgement with something at stake, and the meter that it is about."""

    meter: str
    energy: str
    judged: Judgement


class PendingExchange(NamedTuple):
    """A recorded exchange (ms) that the samples do not show, with the counter's last value before it and its first after it."""

    meter: str
    energy: str
    at: int
    last: int
    first: int


class PendingRatio(NamedTuple):
    """A ratio that was entered at a moment (ms) and that the samples do not show.

    Attributes:
        meter: Whose.
        energy: What it counts.
        at: When it was entered.
        factor: New / old.
        counted: What was counted since, base units.
        last: The last hour (begin, ms) that was; None if none was.
    """

    meter: str
    energy: str
    at: int
    factor: Decimal
    counted: int
    last: int | None


def at_stake(connection: sa.Connection, group: str) -> Iterator[Asked]:
    """What was judged in a district and a person may know better."""
    query = sa.select(meter.c.id, meter.c.energy, *_JUDGED).join_from(judgement, meter, same(meter, judgement))
    for name, energy, *judged in connection.execute(query.where(judgement.c.grp == group, judgement.c.stake > 0)):
        yield Asked(name, energy, Judgement(*judged))


def pending_exchanges(connection: sa.Connection, group: str, recorded_until: int | None) -> list[PendingExchange]:
    """The exchanges of a district that have no place; with a time (ms) only those that were recorded until then."""
    columns = (exchange.c.meter, meter.c.energy, exchange.c.at, exchange.c.old_last, exchange.c.new_first)
    query = sa.select(*columns).join_from(exchange, meter, same(meter, exchange))
    rows = connection.execute(query.where(exchange.c.grp == group, *_waits(exchange, recorded_until)))
    return [PendingExchange._make(row) for row in rows]


def pending_ratios(connection: sa.Connection, group: str, recorded_until: int | None) -> list[PendingRatio]:
    """The ratios of a district that have no place; with a time (ms) only those that were recorded until then."""
    ratio, hour = ratio_change.c, ledger_hour.c
    since = sa.and_(same(ledger_hour, ratio_change), hour.hour >= ratio.at)
    counted = sa.select(sa.func.coalesce(sa.func.sum(hour.amount), 0)).where(since).scalar_subquery()
    last = sa.select(sa.func.max(hour.hour)).where(since).scalar_subquery()
    columns = (ratio.meter, meter.c.energy, ratio.at, ratio.factor, counted, last)
    query = sa.select(*columns).join_from(ratio_change, meter, same(meter, ratio_change))
    rows = connection.execute(query.where(ratio.grp == group, *_waits(ratio_change, recorded_until)))
    return [PendingRatio(name, energy, at, Decimal(factor), int(used), newest) for name, energy, at, factor, used, newest in rows]


def _waits(table: sa.Table, recorded_until: int | None) -> list[sa.ColumnElement[bool]]:
    """That a record is not placed, and was recorded until a moment."""
    due = [] if recorded_until is None else [table.c.recorded_at <= recorded_until]
    return [table.c.placed_at.is_(None), *due]
