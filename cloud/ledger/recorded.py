"""What people record about a counter: that it was exchanged or got other transformers, and how its use is usually spread."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger import tables
from cloud.ledger.base_units import INT64_MAX
from cloud.ledger.breaks import Exchange, RatioChange
from cloud.ledger.counters import Profile
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from contract.clock import iso
from contract.point import POINTS


class RecordError(ValueError):
    """Something that cannot be recorded; one line with the field and what was expected."""


class Learnt(NamedTuple):
    """What a meter's own month taught.

    Attributes:
        valid_from: Since when, ms.
        rate: Most in an hour, base units.
        step: Smallest step shown, base units.
        weights: Of its load shape; None if it has none.
    """

    valid_from: int
    rate: int
    step: int
    weights: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded about one counter, each in order of time."""

    exchanges: tuple[Exchange, ...] = ()
    profiles: tuple[Profile, ...] = ()
    ratios: tuple[RatioChange, ...] = ()
    idle: tuple[tuple[int, int], ...] = ()
    """Times ([start, end), ms) out of use; no two of them touch."""
    learnt: tuple[Learnt, ...] = ()


def load_recorded(connection: sa.Connection, meters: Sequence[str]) -> dict[str, Recorded]:
    """What is recorded about some meters; all of them are in the answer."""
    exchange, spread = tables.exchange.c, tables.spread_profile.c
    exchanges: defaultdict[str, list[Exchange]] = defaultdict(list)
    profiles: defaultdict[str, list[Profile]] = defaultdict(list)
    columns = (exchange.meter, exchange.at, exchange.old_last, exchange.new_first, exchange.placed_at)
    for meter, *row in connection.execute(sa.select(*columns).where(exchange.meter.in_(meters)).order_by(exchange.at)):
        exchanges[meter].append(Exchange(*row))
    rows = sa.select(spread.meter, spread.valid_from, spread.weights).where(spread.meter.in_(meters)).order_by(spread.valid_from)
    for meter, valid_from, weights in connection.execute(rows):
        profiles[meter].append(Profile(valid_from, tuple(json.loads(weights))))
    ratios, idle, learnt = _ratios(connection, meters), _idle(connection, meters), _learnt(connection, meters)
    return {
        meter: Recorded(tuple(exchanges[meter]), tuple(profiles[meter]), tuple(ratios[meter]), tuple(idle[meter]), tuple(learnt[meter]))
        for meter in meters
    }


def _ratios(connection: sa.Connection, meters: Sequence[str]) -> defaultdict[str, list[RatioChange]]:
    row = tables.ratio_change.c
    found: defaultdict[str, list[RatioChange]] = defaultdict(list)
    query = sa.select(row.meter, row.at, row.factor, row.placed_at).where(row.meter.in_(meters)).order_by(row.at)
    for meter, at, factor, placed_at in connection.execute(query):
        found[meter].append(RatioChange(at, Decimal(factor), placed_at))
    return found


def _idle(connection: sa.Connection, meters: Sequence[str]) -> defaultdict[str, list[tuple[int, int]]]:
    """Times out of use; records that touch or overlap are one time, since a counter stands through all of them at once."""
    row = tables.out_of_use.c
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    query = sa.select(row.meter, row.start, row.end).where(row.meter.in_(meters)).order_by(row.start)
    for meter, start, end in connection.execute(query):
        times, until = found[meter], INT64_MAX if end is None else end
        if times and start <= times[-1][1]:
            times[-1] = (times[-1][0], max(times[-1][1], until))
        else:
            times.append((start, until))
    return found


def _learnt(connection: sa.Connection, meters: Sequence[str]) -> defaultdict[str, list[Learnt]]:
    row = tables.learnt.c
    found: defaultdict[str, list[Learnt]] = defaultdict(list)
    query = sa.select(row.meter, row.valid_from, row.rate, row.step, row.weights).where(row.meter.in_(meters)).order_by(row.valid_from)
    for meter, *taught in connection.execute(query):
        found[meter].append(Learnt(*taught))
    return found


def record_profile(engine: sa.Engine, meter: str, profile: Profile, by: str, now: int) -> None:
    """Record how gaps are spread from a moment on; a row that a gap may have used never changes.

    Args:
        engine: Of the ledger.
        meter: Id of the meter.
        profile: From when, and the 168 weights.
        by: Who records it.
        now: ms since 1970 in UTC.

    Raises:
        RecordError: There is no such meter, a row of that moment, or the meter was already counted beyond it.
    """
    ledger, spread = tables.ledger_hour.c, tables.spread_profile.c
    with writing(engine).begin() as connection:
        counted_as(connection, meter)
        later = sa.select(ledger.hour).where(ledger.meter == meter, ledger.hour >= profile.valid_from // HOUR_MS * HOUR_MS).limit(1)
        same = sa.select(spread.meter).where(spread.meter == meter, spread.valid_from == profile.valid_from)
        if connection.execute(later).first() or connection.execute(same).first():
            raise RecordError(f"from: expected a time after the last hour counted of {meter}, got {iso(profile.valid_from)}")
        row = {"meter": meter, "valid_from": profile.valid_from, "weights": json.dumps(profile.weights)}
        connection.execute(sa.insert(tables.spread_profile), [row | {"recorded_by": by, "recorded_at": now}])
        audited(connection, "spread_profile", row, by, now)


def counted_as(connection: sa.Connection, meter: str) -> tuple[str, str]:
    """The energy of a meter and the unit of its counter."""
    columns = tables.meter.c
    row = connection.execute(sa.select(columns.energy, columns.point).where(columns.id == meter)).one_or_none()
    if row is None:
        raise RecordError(f"meter: no meter {meter!r}")
    if row.point not in POINTS:
        raise RecordError(f"meter: expected one that a device counts; {meter} is fed by hand")
    return row.energy, POINTS[row.point].unit.value
