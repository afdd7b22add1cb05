"""The list of touched hours: which meters wait to be counted anew, and which of their hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import HOUR_MS
from cloud.ledger.selecting import among, of_any, of_parameters
from cloud.platform.database import upsert
from cloud.platform.trial import try_rows

Generations = dict[int, int]
"""The generation of a meter's touched hours, by begin (ms): it grows when an hour is touched again."""
_TOUCHED = tables.touched.c
_NEWEST = (
    sa.select(_TOUCHED.hour, _TOUCHED.generation)
    .where(of_parameters(tables.touched))
    .order_by(_TOUCHED.hour.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_BETWEEN = sa.and_(_TOUCHED.hour >= sa.bindparam("start"), _TOUCHED.hour < sa.bindparam("end"))
_WITHIN = sa.select(_TOUCHED.hour).where(of_parameters(tables.touched), _BETWEEN).limit(1)
_ANY_WITHIN = sa.select(_TOUCHED.hour).where(among(tables.touched), _BETWEEN).limit(1)
_CLEAR = sa.delete(tables.touched).where(
    of_parameters(tables.touched),
    _TOUCHED.hour.between(sa.bindparam("first"), sa.bindparam("last")),
    _TOUCHED.generation == sa.bindparam("seen"),
)


def _waiting() -> sa.CTE:
    """The meters that have touched hours, and NULL: each is one step in the index, for the list may be of millions of hours."""
    groups = sa.select(sa.func.min(_TOUCHED.grp).label("grp")).cte("waiting_groups", recursive=True)
    next_group = sa.select(sa.func.min(_TOUCHED.grp)).where(_TOUCHED.grp > groups.c.grp).scalar_subquery()
    groups = groups.union_all(sa.select(next_group).where(groups.c.grp.is_not(None)))
    first = sa.select(sa.func.min(_TOUCHED.meter)).where(_TOUCHED.grp == groups.c.grp).scalar_subquery()
    found = sa.select(groups.c.grp, first.label("meter")).where(groups.c.grp.is_not(None)).cte("waiting", recursive=True)
    following = sa.select(sa.func.min(_TOUCHED.meter)).where(_TOUCHED.grp == found.c.grp, _TOUCHED.meter > found.c.meter).scalar_subquery()
    return found.union_all(sa.select(found.c.grp, following).where(found.c.meter.is_not(None)))


def _of_waiting(hour: sa.Function[int]) -> sa.ScalarSelect[int]:
    return sa.select(hour).where(_TOUCHED.grp == _WAITING.grp, _TOUCHED.meter == _WAITING.meter).scalar_subquery()


_LIST = _waiting()
_WAITING = _LIST.c
_METERS = (
    sa.select(_WAITING.grp, _WAITING.meter)
    .where(_WAITING.meter.is_not(None))
    .order_by(_of_waiting(sa.func.max(_TOUCHED.hour)).desc(), _WAITING.meter, _WAITING.grp)
)
_OLDEST = sa.select(sa.func.min(_of_waiting(sa.func.min(_TOUCHED.hour)))).select_from(_LIST)


def meters(connection: sa.Connection) -> list[MeterKey]:
    """The meters of all groups that have touched hours, the one with the newest hour first."""
    return [MeterKey._make(row) for row in connection.execute(_METERS)]


def number(connection: sa.Connection) -> int:
    """How many touched hours of all groups wait."""
    return connection.execute(sa.select(sa.func.count()).select_from(tables.touched)).scalar_one()


def oldest(connection: sa.Connection) -> int | None:
    """The oldest touched hour (begin, ms) of all meters; None if nothing waits."""
    hours: int | None = connection.execute(_OLDEST).scalar()
    return hours


def newest(connection: sa.Connection, meter: MeterKey, most: int) -> Generations:
    """At most so many of a meter's touched hours, the newest first."""
    return dict(connection.execute(_NEWEST, {"group": meter.group, "of": meter.id, "most": most}).all())


def is_touched(connection: sa.Connection, meter: MeterKey, start: int, end: int) -> bool:
    """Whether an hour of a meter in [start, end) (ms) waits to be counted."""
    return connection.execute(_WITHIN, {"group": meter.group, "of": meter.id, "start": start, "end": end}).first() is not None


def is_any_touched(connection: sa.Connection, meters: Sequence[MeterKey], start: int, end: int) -> bool:
    """Whether an hour of any of some meters in [start, end) (ms) waits to be counted."""
    return any(True for _ in of_any(connection, _ANY_WITHIN, meters, start=start, end=end))


def clear(connection: sa.Connection, counted: Mapping[MeterKey, Generations]) -> None:
    """Take the hours of some meters off the list that nobody touched since; neighbours of one generation at once.

    In the order in which they are touched, so that neither waits for the other for ever.
    """
    runs: list[dict[str, str | int]] = []
    for meter, generations in sorted(counted.items()):
        last: dict[str, str | int] = {}
        for hour, seen in sorted(generations.items()):
            if last and (last["last"], last["seen"]) == (hour - HOUR_MS, seen):
                last["last"] = hour
            else:
                last = {"group": meter.group, "of": meter.id, "first": hour, "last": hour, "seen": seen}
                runs.append(last)
    if runs:
        connection.execute(_CLEAR, runs)


def touch(connection: sa.Connection, hours: Iterable[tuple[MeterKey, int]]) -> None:
    """Let hours (meter and begin, ms) be counted anew; whoever counts one just now leaves it on the list."""
    upsert(connection, tables.touched, _rows(hours), add="generation")


def put_back(connection: sa.Connection, hours: Iterable[tuple[MeterKey, int]]) -> None:
    """Let hours (meter and begin, ms) be counted too; one that waits already stays as it is."""
    upsert(connection, tables.touched, _rows(hours), keep=True)


def _rows(hours: Iterable[tuple[MeterKey, int]]) -> list[dict[str, str | int]]:
    return [{"grp": meter.group, "meter": meter.id, "hour": hour, "generation": 1} for meter, hour in hours]


def try_row(connection: sa.Connection) -> None:
    """Write a row that means nothing, for a transaction that is taken back; the database may refuse it."""
    try_rows(connection, [tables.touched])
