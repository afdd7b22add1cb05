"""What is on record about counters, in SQL: exchanges, ratios, times out of use, load shapes, and what their own months taught."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.ledger.base_units import INT64_MAX
from cloud.ledger.breaks import Exchange, RatioChange
from cloud.ledger.counters import RecordedShape
from cloud.ledger.model import Learnt, MeterKey, Recorded
from cloud.ledger.selecting import among, of, of_any
from cloud.platform.database import upsert

_EXCHANGE, _PROFILE, _RATIO, _IDLE, _LEARNT = (
    sa.select(table.c.grp, table.c.meter, *(table.c[name] for name in (since, *names))).where(among(table)).order_by(table.c[since])
    for table, since, *names in (
        (tables.exchange, "at", "old_last", "new_first", "placed_at"),
        (tables.spread_profile, "valid_from", "weights"),
        (tables.ratio_change, "at", "factor", "placed_at"),
        (tables.out_of_use, "start", "end"),
        (tables.learnt, "valid_from", "rate", "step", "weights"),
    )
)


def load(connection: sa.Connection, meters: Sequence[MeterKey]) -> dict[MeterKey, Recorded]:
    """What is recorded about some meters; all of them are in the answer."""
    exchanges, profiles = _exchanges(connection, meters), _profiles(connection, meters)
    ratios, idle, learnt = _ratios(connection, meters), _idle(connection, meters), _learnt(connection, meters)
    return {
        meter: Recorded(tuple(exchanges[meter]), tuple(profiles[meter]), tuple(ratios[meter]), tuple(idle[meter]), tuple(learnt[meter]))
        for meter in meters
    }


def _exchanges(connection: sa.Connection, meters: Sequence[MeterKey]) -> defaultdict[MeterKey, list[Exchange]]:
    found: defaultdict[MeterKey, list[Exchange]] = defaultdict(list)
    for group, meter, *values in of_any(connection, _EXCHANGE, meters):
        found[MeterKey(group, meter)].append(Exchange(*values))
    return found


def _profiles(connection: sa.Connection, meters: Sequence[MeterKey]) -> defaultdict[MeterKey, list[RecordedShape]]:
    found: defaultdict[MeterKey, list[RecordedShape]] = defaultdict(list)
    for group, meter, valid_from, weights in of_any(connection, _PROFILE, meters):
        found[MeterKey(group, meter)].append(RecordedShape(valid_from, tuple(json.loads(weights))))
    return found


def _ratios(connection: sa.Connection, meters: Sequence[MeterKey]) -> defaultdict[MeterKey, list[RatioChange]]:
    found: defaultdict[MeterKey, list[RatioChange]] = defaultdict(list)
    for group, meter, at, factor, placed_at in of_any(connection, _RATIO, meters):
        found[MeterKey(group, meter)].append(RatioChange(at, Decimal(factor), placed_at))
    return found


def _idle(connection: sa.Connection, meters: Sequence[MeterKey]) -> defaultdict[MeterKey, list[tuple[int, int]]]:
    found: defaultdict[MeterKey, list[tuple[int, int]]] = defaultdict(list)
    for group, meter, start, end in of_any(connection, _IDLE, meters):
        found[MeterKey(group, meter)].append((start, INT64_MAX if end is None else end))
    return found


def _learnt(connection: sa.Connection, meters: Sequence[MeterKey]) -> defaultdict[MeterKey, list[Learnt]]:
    found: defaultdict[MeterKey, list[Learnt]] = defaultdict(list)
    for group, meter, *taught in of_any(connection, _LEARNT, meters):
        found[MeterKey(group, meter)].append(Learnt(*taught))
    return found


def other_exchange(connection: sa.Connection, meter: MeterKey, at: int, within: int) -> int | None:
    """When another exchange of a meter is recorded for, at most so many ms from a moment; None if none is."""
    row = tables.exchange.c
    near = sa.and_(of(tables.exchange, meter), row.at != at, row.at.between(at - within, at + within))
    found: int | None = connection.execute(sa.select(row.at).where(near).limit(1)).scalar()
    return found


def put_exchange(connection: sa.Connection, meter: MeterKey, exchange: Exchange, why: str, by: str, now: int) -> None:
    """Keep an exchange; of the one that was recorded for the same moment only its place stays.

    Args:
        connection: In a transaction that writes.
        meter: What was exchanged.
        exchange: When, and what the counter showed.
        why: The person's reason.
        by: Who recorded it.
        now: ms since 1970 in UTC.
    """
    row = {"grp": meter.group, "meter": meter.id, "at": exchange.at, "old_last": exchange.last, "new_first": exchange.first}
    upsert(connection, tables.exchange, [row | {"reason": why, "recorded_by": by, "recorded_at": now}])


def place(connection: sa.Connection, meter: MeterKey, record: Exchange | RatioChange, placed_at: int | None) -> None:
    """Keep where the samples show a recorded change (ms); None where they do not."""
    table = tables.exchange if isinstance(record, Exchange) else tables.ratio_change
    connection.execute(sa.update(table).where(of(table, meter), table.c.at == record.at).values(placed_at=placed_at))


def ends_out_of_use(connection: sa.Connection, meter: MeterKey, start: int) -> Sequence[int | None]:
    """The end (ms) of the time out of use that is recorded from a moment on; None for one until further notice."""
    row = tables.out_of_use.c
    same = sa.and_(of(tables.out_of_use, meter), row.start == start)
    return connection.execute(sa.select(row.end).where(same)).scalars().all()


def put_out_of_use(connection: sa.Connection, meter: MeterKey, span: tuple[int, int | None], why: str, by: str, now: int) -> None:
    """Keep a time out of use, in the place of the one that was recorded from the same moment on.

    Args:
        connection: In a transaction that writes.
        meter: What was not used.
        span: From when and until when (exclusive), ms; None until further notice.
        why: The person's reason.
        by: Who recorded it.
        now: ms since 1970 in UTC.
    """
    row = {"grp": meter.group, "meter": meter.id, "start": span[0], "end": span[1], "reason": why}
    upsert(connection, tables.out_of_use, [row | {"recorded_by": by, "recorded_at": now}])


def has_profile(connection: sa.Connection, meter: MeterKey, valid_from: int) -> bool:
    """Whether a load shape is recorded of a meter from just this moment (ms) on."""
    row = tables.spread_profile.c
    same = sa.select(row.meter).where(of(tables.spread_profile, meter), row.valid_from == valid_from)
    return connection.execute(same).first() is not None


def add_profile(connection: sa.Connection, meter: MeterKey, profile: RecordedShape, by: str, now: int) -> None:
    """Keep a new load shape of a meter, which somebody recorded at a moment (ms)."""
    row = {"grp": meter.group, "meter": meter.id, "valid_from": profile.valid_from, "weights": json.dumps(profile.weights)}
    connection.execute(sa.insert(tables.spread_profile), [row | {"recorded_by": by, "recorded_at": now}])


def learn(connection: sa.Connection, lessons: Iterable[tuple[MeterKey, Learnt]]) -> None:
    """Keep what months taught of meters; what is kept from the same moment on stays as it is."""
    rows = [{"grp": meter.group, "meter": meter.id, **taught._asdict()} for meter, taught in lessons]
    upsert(connection, tables.learnt, rows, keep=True)
