"""The list of touched hours: which meters wait to be counted anew, and which of their hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from cloud.ledger import tables
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import upsert

Generations = dict[int, int]
"""The generation of a meter's touched hours, by begin (ms): it grows when an hour is touched again."""
_TOUCHED = tables.touched.c
_NEWEST = (
    sa.select(_TOUCHED.hour, _TOUCHED.generation)
    .where(_TOUCHED.meter == sa.bindparam("of"))
    .order_by(_TOUCHED.hour.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_WITHIN = (
    sa.select(_TOUCHED.hour)
    .where(_TOUCHED.meter == sa.bindparam("of"), _TOUCHED.hour >= sa.bindparam("start"), _TOUCHED.hour < sa.bindparam("end"))
    .limit(1)
)
_CLEAR = sa.delete(tables.touched).where(
    _TOUCHED.meter == sa.bindparam("of"),
    _TOUCHED.hour.between(sa.bindparam("first"), sa.bindparam("last")),
    _TOUCHED.generation == sa.bindparam("seen"),
)


def meters(connection: sa.Connection) -> list[str]:
    """The meters that have touched hours, the one with the newest hour first."""
    found = _found()
    newest = sa.select(sa.func.max(_TOUCHED.hour)).where(_TOUCHED.meter == found.c.meter).scalar_subquery()
    query = sa.select(found.c.meter).where(found.c.meter.is_not(None))
    return list(connection.execute(query.order_by(newest.desc(), found.c.meter)).scalars())


def number(connection: sa.Connection) -> int:
    """How many touched hours wait."""
    return connection.execute(sa.select(sa.func.count()).select_from(tables.touched)).scalar_one()


def oldest(connection: sa.Connection) -> int | None:
    """The oldest touched hour (begin, ms) of all meters; None if nothing waits."""
    found = _found()
    of_meter = sa.select(sa.func.min(_TOUCHED.hour)).where(_TOUCHED.meter == found.c.meter).scalar_subquery()
    hours: int | None = connection.execute(sa.select(sa.func.min(of_meter)).select_from(found)).scalar()
    return hours


def _found() -> sa.CTE:
    """The meters that have touched hours, and NULL: each is one step in the index, for the list may be of millions of hours."""
    found = sa.select(sa.func.min(_TOUCHED.meter).label("meter")).cte("waiting", recursive=True)
    following = sa.select(sa.func.min(_TOUCHED.meter)).where(_TOUCHED.meter > found.c.meter).scalar_subquery()
    return found.union_all(sa.select(following).where(found.c.meter.is_not(None)))


def newest(connection: sa.Connection, meter: str, most: int) -> Generations:
    """At most so many of a meter's touched hours, the newest first."""
    return dict(connection.execute(_NEWEST, {"of": meter, "most": most}).all())


def is_touched(connection: sa.Connection, meter: str, start: int, end: int) -> bool:
    """Whether an hour of a meter in [start, end) (ms) waits to be counted."""
    return connection.execute(_WITHIN, {"of": meter, "start": start, "end": end}).first() is not None


def clear(connection: sa.Connection, counted: Mapping[str, Generations]) -> None:
    """Take the hours of some meters off the list that nobody touched since; neighbours of one generation at once."""
    runs: list[dict[str, str | int]] = []
    for meter, generations in counted.items():
        last: dict[str, str | int] = {}
        for hour, seen in sorted(generations.items()):
            if last and (last["last"], last["seen"]) == (hour - HOUR_MS, seen):
                last["last"] = hour
            else:
                last = {"of": meter, "first": hour, "last": hour, "seen": seen}
                runs.append(last)
    if runs:
        connection.execute(_CLEAR, runs)


def touch(connection: sa.Connection, hours: Iterable[tuple[str, int]]) -> None:
    """Let hours (meter and begin, ms) be counted anew; whoever counts one just now leaves it on the list."""
    rows = [{"meter": meter, "hour": hour, "generation": 1} for meter, hour in hours]
    upsert(connection, tables.touched, rows, add="generation")


def put_back(connection: sa.Connection, hours: Iterable[tuple[str, int]]) -> None:
    """Let hours (meter and begin, ms) be counted too; one that waits already stays as it is."""
    upsert(connection, tables.touched, [{"meter": meter, "hour": hour, "generation": 1} for meter, hour in hours], keep=True)
