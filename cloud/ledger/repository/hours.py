"""The hours of a meter in SQL: what was counted of them, and what somebody entered for them.

What settling asks and writes is built once, since history is millions of hours, and each runs for all meters of a transaction at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.ledger import periods
from cloud.ledger.counters import HourPart, Parts, Provenance
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.selecting import of, of_parameters
from cloud.ledger.tables import ledger_hour

_HOUR = ledger_hour.c
_MANUAL = Provenance.MANUAL.value
_FIRST, _LAST = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first", "last"))
_IN_SPAN = sa.and_(of_parameters(ledger_hour), _HOUR.hour >= _FIRST, _HOUR.hour <= _LAST)
_FORGET = sa.delete(ledger_hour).where(_IN_SPAN, _HOUR.provenance != _MANUAL)
_STORED = sa.select(_HOUR.hour, _HOUR.provenance, _HOUR.amount).where(_IN_SPAN)
_COLUMNS = ("grp", "meter", "hour", "provenance", "amount", "provisional", "level_at", "level")
_INSERT = {
    style: f"INSERT INTO ledger_hour ({', '.join(_COLUMNS)}) VALUES ({', '.join([mark] * len(_COLUMNS))})"  # noqa: S608 (names of our own)
    for style, mark in (("qmark", "?"), ("pyformat", "%s"))
}
"""By the driver's way to write a parameter: years of hours go in at once, and to build a statement for each costs more than it."""
Row = tuple[str, str, int, str, int, bool, int | None, int | None]
"""Group, meter, hour (begin, ms), provenance, base units, whether what follows may decide otherwise, and time and level of its last point.

No record, since a pass makes millions of them.
"""


class ByDevice(NamedTuple):
    """How many hours a device counted, and the last of them (begin, ms); None if there are none."""

    number: int
    last: int | None


class Kept(NamedTuple):
    """What the ledger has of an hour (begin, ms), of one provenance: base units, and time (ms) and level of the counter's last point.

    Where the counter has no point in the hour, both are None.
    """

    hour: int
    provenance: Provenance
    amount: int
    provisional: bool
    level_at: int | None
    level: int | None


def parts_of_days(connection: sa.Connection, meter: MeterKey, ranges: Sequence[tuple[int, int]]) -> Parts:
    """What the ledger has of all days that some ranges (first and last hour, ms) of a meter touch."""
    found: Parts = {}
    for first, last in ranges:
        days = {
            "group": meter.group,
            "of": meter.id,
            "first": periods.floor(first, "day"),
            "last": periods.following(last, "day") - HOUR_MS,
        }
        found.update(((hour, Provenance(provenance)), amount) for hour, provenance, amount in connection.execute(_STORED, days))
    return found


def replace(connection: sa.Connection, spans: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> None:
    """Put rows in the place of all that was counted in spans; entered ones stay.

    Each span has `group`, `of` (the meter's id), `first` and `last` (hours, ms).
    """
    connection.execute(_FORGET, spans)
    if rows:
        connection.exec_driver_sql(_INSERT[connection.dialect.paramstyle], rows)


def newest(connection: sa.Connection, meter: MeterKey) -> int | None:
    """The last hour (begin, ms) that the ledger has of a meter; None if it has none."""
    query = sa.select(_HOUR.hour).where(of(ledger_hour, meter)).order_by(_HOUR.hour.desc()).limit(1)
    found: int | None = connection.execute(query).scalar()
    return found


def measured(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> dict[int, int]:
    """What was measured of a meter from `start` and before `end` (ms), base units by begin of the hour."""
    of_kind = sa.and_(_within(meter, start, end), _HOUR.provenance == Provenance.MEASURED.value)
    return dict(connection.execute(sa.select(_HOUR.hour, _HOUR.amount).where(of_kind)).all())


def amounts(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> list[tuple[int, int]]:
    """What a meter used in the hours from `start` and before `end` (ms): begin and base units, once a provenance."""
    rows = connection.execute(sa.select(_HOUR.hour, _HOUR.amount).where(_within(meter, start, end)))
    return [(hour, amount) for hour, amount in rows]


def total(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> int:
    """What a meter used from `start` and before `end` (ms), base units; 0 where nothing is known."""
    used = sa.func.coalesce(sa.func.sum(_HOUR.amount), 0)
    return int(connection.execute(sa.select(used).where(_within(meter, start, end))).scalar_one())


def by_device(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> ByDevice:
    """The hours of a meter from `start` and before `end` (ms) that nobody entered."""
    columns = (sa.func.count(sa.distinct(_HOUR.hour)), sa.func.max(_HOUR.hour))
    return ByDevice._make(connection.execute(sa.select(*columns).where(_counted(meter, start, end))).one())


def number_estimated(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> int:
    """How many hours of a meter from `start` and before `end` (ms) have an amount that was only estimated."""
    guessed = sa.and_(_counted(meter, start, end), _HOUR.provenance == Provenance.ESTIMATED.value, _HOUR.amount > 0)
    return connection.execute(sa.select(sa.func.count(sa.distinct(_HOUR.hour))).where(guessed)).scalar_one()


def kept(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> Iterator[Kept]:
    """All that the ledger has of the hours of a meter from `start` and before `end` (ms)."""
    columns = (_HOUR.hour, _HOUR.provenance, _HOUR.amount, _HOUR.provisional, _HOUR.level_at, _HOUR.level)
    for hour, provenance, *values in connection.execute(sa.select(*columns).where(_within(meter, start, end))):
        yield Kept(hour, Provenance(provenance), *values)


def begins(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> list[int]:
    """The hours (begins, ms) that the ledger has of a meter from `start` and before `end` (ms)."""
    return list(connection.execute(sa.select(_HOUR.hour).where(_within(meter, start, end)).distinct()).scalars())


def is_known_from(connection: sa.Connection, meter: MeterKey, start: int) -> bool:
    """Whether the ledger has an hour of a meter that begins at or after a moment (ms)."""
    later = sa.select(_HOUR.hour).where(of(ledger_hour, meter), _HOUR.hour >= start).limit(1)
    return connection.execute(later).first() is not None


def enter(connection: sa.Connection, meter: MeterKey, parts: Sequence[HourPart]) -> None:
    """Put what somebody entered in the place of all that the ledger has from the first to the last of its hours.

    Args:
        connection: In a transaction that writes.
        meter: Whose.
        parts: By hour, at least one.
    """
    entered = sa.and_(of(ledger_hour, meter), _HOUR.hour >= parts[0].hour, _HOUR.hour <= parts[-1].hour)
    connection.execute(sa.delete(ledger_hour).where(entered))
    row: dict[str, str | int] = {"grp": meter.group, "meter": meter.id}
    rows = [row | {"hour": part.hour, "provenance": part.provenance.value, "amount": part.amount} for part in parts]
    connection.execute(sa.insert(ledger_hour), rows)


def _within(meter: MeterKey, start: int, end: int) -> sa.ColumnElement[bool]:
    return sa.and_(of(ledger_hour, meter), _HOUR.hour >= start, _HOUR.hour < end)


def _counted(meter: MeterKey, start: int, end: int) -> sa.ColumnElement[bool]:
    return sa.and_(_within(meter, start, end), _HOUR.provenance != _MANUAL)
