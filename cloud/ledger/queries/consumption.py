"""What meters used over spans and by period: sums that the database makes, so that a year is no 8760 rows of a meter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cloud.ledger import periods
from cloud.ledger.counters import Provenance
from cloud.ledger.periods import DAY_MS, HOUR_MS, Every
from cloud.ledger.tables import ledger_hour

_LEDGER = ledger_hour.c
_SHANGHAI_MS = 8 * HOUR_MS
_PARAMETERS = 20_000
"""Of one statement; SQLite takes 32 766."""
_SELECTS = 400
"""Of one statement; SQLite takes 500."""
_KINDS = tuple(Provenance)
_PARAMETERS_OF_COLUMNS = len(_KINDS) + 4
"""The most of a span beside its meters."""
Columns = Sequence[sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Total:
    """What a meter used over a span.

    Attributes:
        amounts: Base units by provenance; one of which there is no hour is absent.
        provisional: Whether an hour of it may still be decided otherwise.
    """

    amounts: Mapping[Provenance, int]
    provisional: bool


def totals(connection: sa.Connection, group: str, meters: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[dict[str, Total]]:
    """What each of some meters of a group used in each of some spans (start and end, ms), by meter; as many spans a query as go into one.

    A meter without any ledger hour in a span is absent. Most spans are measured throughout and decided: those are one sum, and only
    the others are read again by provenance.
    """
    found: list[dict[str, Total]] = [{} for _ in spans]
    others: defaultdict[int, list[str]] = defaultdict(list)
    for number, meter, amount, other in _asked(connection, group, _plain, dict.fromkeys(range(len(spans)), meters), spans):
        if other:
            others[number].append(meter)
        else:
            found[number][meter] = Total({Provenance.MEASURED: int(amount)}, provisional=False)
    for number, meter, provisional, *amounts in _asked(connection, group, _by_provenance, others, spans):
        used = {kind: int(part) for kind, part in zip(_KINDS, amounts, strict=True) if part is not None}
        found[number][meter] = Total(used, provisional > 0)
    return found


def _asked(
    connection: sa.Connection,
    group: str,
    columns: Callable[[], Columns],
    meters: Mapping[int, Sequence[str]],
    spans: Sequence[tuple[int, int]],
) -> Iterator[Any]:
    """Rows of a span's number, a meter and these columns, for some meters of each number; as many spans at once as go into a query."""
    waiting: list[sa.Select[Any]] = []
    parameters = 0
    for number, some in meters.items():
        needed = len(some) + _PARAMETERS_OF_COLUMNS
        if waiting and (parameters + needed > _PARAMETERS or len(waiting) == _SELECTS):
            yield from connection.execute(sa.union_all(*waiting)).all()
            waiting, parameters = [], 0
        start, end = spans[number]
        within = sa.and_(_LEDGER.grp == group, _LEDGER.meter.in_(list(some)), _LEDGER.hour >= start, _LEDGER.hour < end)
        # The index gives the hours of a meter together, so only groups by meter need no sorting.
        waiting.append(sa.select(sa.literal(number), _LEDGER.meter, *columns()).where(within).group_by(_LEDGER.meter))
        parameters += needed
    if waiting:
        yield from connection.execute(sa.union_all(*waiting)).all()


def _plain() -> Columns:
    """The sum, and how many hours are not measured, or not decided."""
    other = sa.or_(_LEDGER.provenance != Provenance.MEASURED.value, _LEDGER.provisional)
    return sa.func.sum(_LEDGER.amount), sa.func.count().filter(other)


def _by_provenance() -> Columns:
    """How many hours are not decided, and one sum a provenance."""
    parts = [sa.func.sum(_LEDGER.amount).filter(_LEDGER.provenance == kind.value) for kind in _KINDS]
    return sa.func.count().filter(_LEDGER.provisional), *parts


def by_period(
    connection: sa.Connection, group: str, meters: Sequence[str], start: int, end: int, every: Every
) -> dict[str, dict[int, dict[Provenance, int]]]:
    """What each of some meters of a group used in [start, end), base units by begin of period (ascending) and provenance; one query.

    The database adds up days, so a year is 365 rows and not 8760. What is not known is absent.
    """
    length = HOUR_MS if every == "hour" else DAY_MS
    # Written out, since PostgreSQL takes two parameters of one value for two expressions and then refuses the grouping.
    offset, divisor = (sa.literal_column(str(n), sa.BigInteger) for n in (_SHANGHAI_MS, length))
    number = ((_LEDGER.hour + offset) // divisor).label("number")
    within = sa.and_(_LEDGER.grp == group, _LEDGER.meter.in_(list(meters)), _LEDGER.hour >= start, _LEDGER.hour < end)
    query = sa.select(_LEDGER.meter, number, _LEDGER.provenance, sa.func.sum(_LEDGER.amount)).where(within)
    found: defaultdict[str, dict[int, dict[Provenance, int]]] = defaultdict(dict)
    for meter, index, provenance, amount in connection.execute(query.group_by(_LEDGER.meter, number, _LEDGER.provenance).order_by(number)):
        of_period = found[meter].setdefault(periods.floor(index * length - _SHANGHAI_MS, every), {})
        of_period[Provenance(provenance)] = of_period.get(Provenance(provenance), 0) + int(amount)
    return dict(found)
