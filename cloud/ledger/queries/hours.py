"""What others ask of the ledger beside consumption."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cloud.ledger.counters import Provenance
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.selecting import of
from cloud.ledger.tables import judgement, ledger_hour

Hourly = Mapping[str, Mapping[int, Mapping[Provenance, int]]]
"""Base units by meter, hour and provenance."""


class Hour(NamedTuple):
    """An hour (begin, ms) of a meter that has an amount of this provenance."""

    meter: str
    provenance: Provenance
    hour: int


def hours_of(
    connection: sa.Connection, group: str, meters: Sequence[str], provenances: Sequence[Provenance], start: int, end: int
) -> Iterator[Hour]:
    """The hours of some meters of a group from `start` and before `end` (ms) that have these provenances, by meter, provenance and hour."""
    column = ledger_hour.c
    named = column.provenance.in_([provenance.value for provenance in provenances])
    within = sa.and_(column.grp == group, column.meter.in_(list(meters)), column.hour >= start, column.hour < end, named)
    query = sa.select(column.meter, column.provenance, column.hour).where(within)
    for meter, provenance, hour in connection.execute(query.order_by(column.meter, column.provenance, column.hour)):
        yield Hour(meter, Provenance(provenance), hour)


def counted(connection: sa.Connection, meter: MeterKey) -> set[int]:
    """The hours (begin, ms) that were counted of a meter, or judged without a figure; not those that somebody entered."""
    hour, judged = ledger_hour.c, judgement.c
    query = sa.select(hour.hour).where(of(ledger_hour, meter), hour.provenance != Provenance.MANUAL.value).distinct()
    hours = set(connection.execute(query).scalars())
    spans = sa.select(judged.since, judged.until).where(of(judgement, meter))
    for since, until in connection.execute(spans):
        hours.update(range(since // HOUR_MS * HOUR_MS, until + 1, HOUR_MS))
    return hours


def hourly(connection: sa.Connection, group: str, meters: Sequence[str], start: int, end: int) -> Hourly:
    """What some meters of a group used in the hours from `start` and before `end` (ms)."""
    column = ledger_hour.c
    query = sa.select(column.meter, column.hour, column.provenance, column.amount)
    found: defaultdict[str, defaultdict[int, dict[Provenance, int]]] = defaultdict(lambda: defaultdict(dict))
    within = query.where(column.grp == group, column.meter.in_(list(meters)), column.hour >= start, column.hour < end)
    for meter, hour, provenance, amount in connection.execute(within):
        found[meter][hour][Provenance(provenance)] = amount
    return found


def provisional(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> list[int]:
    """The hours (begins, ms) of a meter from `start` and before `end` that what follows may decide otherwise."""
    column = ledger_hour.c
    open_hours = sa.and_(of(ledger_hour, meter), column.hour >= start, column.hour < end, column.provisional.is_(True))
    return list(connection.execute(sa.select(column.hour).where(open_hours).distinct()).scalars())
