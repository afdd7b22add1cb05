"""What counters did beside counting, in SQL; what counting anew needs of it is in `settled`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.ledger.counters import Judgement
from cloud.ledger.model import MeterKey
from cloud.ledger.selecting import of, of_parameters
from cloud.ledger.tables import judgement
from cloud.platform.database import upsert

_JUDGED = judgement.c
_FIRST, _END = (sa.bindparam(name, type_=sa.BigInteger) for name in ("first", "end"))
_FORGET = sa.delete(judgement).where(of_parameters(judgement), _JUDGED.until > _FIRST, _JUDGED.since < _END)


class Left(NamedTuple):
    """A counter left its level `before`, which it showed last at `since` (ms): at `at` it showed `after`."""

    since: int
    at: int
    before: int
    after: int


def near(connection: sa.Connection, meter: MeterKey, span: tuple[int, int], kinds: Collection[str]) -> list[Left]:
    """Where a counter left its level, by judgements of these kinds that reach into a span (first and last ms), by time."""
    reaching = sa.and_(_JUDGED.since <= span[1], _JUDGED.until >= span[0], _JUDGED.kind.in_([str(kind) for kind in kinds]))
    mine = sa.and_(of(judgement, meter), reaching)
    query = sa.select(_JUDGED.since, _JUDGED.at, _JUDGED.before, _JUDGED.after).where(mine).order_by(_JUDGED.at)
    return [Left._make(row) for row in connection.execute(query)]


def begins(connection: sa.Connection, meter: MeterKey, until: int) -> list[int]:
    """Begins (ms) of what was judged of a meter and ends at or after a moment (ms)."""
    asked = sa.select(_JUDGED.since).where(of(judgement, meter), _JUDGED.until >= until)
    return list(connection.execute(asked).scalars())


def forget(connection: sa.Connection, spans: Sequence[Mapping[str, Any]]) -> None:
    """Let judgements go that reach into spans with `group`, `of` (the meter), `first` and `end` (ms, exclusive)."""
    connection.execute(_FORGET, spans)


def put(connection: sa.Connection, judged: Iterable[tuple[MeterKey, Judgement]]) -> None:
    """Keep judgements, each with its meter; judged again, it is the same row."""
    upsert(connection, judgement, [{"grp": meter.group, "meter": meter.id} | one._asdict() for meter, one in judged])
