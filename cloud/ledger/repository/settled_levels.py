"""The settled levels of a meter around a moment or over a time, as a recorded exchange is held against them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cloud.ledger.limits import Level
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.selecting import of
from cloud.ledger.tables import ledger_hour

_HOUR = ledger_hour.c


def around(connection: sa.Connection, meter: MeterKey, at: int) -> tuple[Level | None, Level | None]:
    """The settled levels next to a moment (ms), at or before it and after it."""
    known = sa.select(_HOUR.level_at, _HOUR.level).where(of(ledger_hour, meter), _HOUR.level_at.is_not(None))
    before = connection.execute(known.where(_HOUR.level_at <= at, _HOUR.hour <= at).order_by(_HOUR.hour.desc()).limit(1)).one_or_none()
    after = connection.execute(known.where(_HOUR.level_at > at, _HOUR.hour >= at - HOUR_MS).order_by(_HOUR.hour).limit(1)).one_or_none()
    return (None if before is None else (before[0], before[1])), (None if after is None else (after[0], after[1]))


def between(connection: sa.Connection, meter: MeterKey, low: int, high: int) -> Sequence[Level | None]:
    """The settled levels from one time (ms) to another and their neighbours; None where there is no neighbour."""
    known = sa.select(_HOUR.level_at, _HOUR.level).where(of(ledger_hour, meter), _HOUR.level_at.is_not(None)).distinct()
    inside = connection.execute(known.where(_HOUR.level_at.between(low, high)).order_by(_HOUR.level_at)).all()
    before = connection.execute(known.where(_HOUR.level_at < low).order_by(_HOUR.level_at.desc()).limit(1)).one_or_none()
    after = connection.execute(known.where(_HOUR.level_at > high).order_by(_HOUR.level_at).limit(1)).one_or_none()
    return [None if row is None else (row[0], row[1]) for row in (before, *inside, after)]


def by_hour(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> list[tuple[int, int]]:
    """The settled level at the end of each hour of [start, end) (ms) that has one, with the begin of the hour."""
    within = sa.and_(of(ledger_hour, meter), _HOUR.hour >= start, _HOUR.hour < end, _HOUR.level.is_not(None))
    return [(row[0], row[1]) for row in connection.execute(sa.select(_HOUR.hour, _HOUR.level).where(within).distinct())]
