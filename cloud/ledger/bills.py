"""Bills of months that a counter counted as a whole: kept beside its figure and compared with it, never added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger import periods, tables
from cloud.platform.database import upsert, writing

DIFFERS = Fraction(2, 100)
"""A bill that differs from its counter by more than this part of the counter's figure is asked about: the most that a meter of accuracy
class 2 may err, for electricity (IEC 62053-21) as for cold water (ISO 4064-1, upper range). So much is no fault of either meter.
"""
BILL_DIFFERS = "bill_differs"
"""Kind of the finding."""
_BILL = tables.bill.c


class BillError(ValueError):
    """A bill that is not there."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One month of a meter.

    Attributes:
        meter: Its id.
        energy: What it counts.
        month: YYYY-MM.
        amount: What the bill says, base units of the energy.
        counted: What the ledger has of the month, base units.
    """

    meter: str
    energy: str
    month: str
    amount: int
    counted: int

    @property
    def span(self) -> tuple[int, int]:
        """Begin and end (exclusive) of the month, ms since 1970 in UTC."""
        return _span(self.month)


def kept(connection: sa.Connection, group: str, *, differing: bool = False) -> list[Bill]:
    """The bills of a district, by meter and month; only those that differ from their counter by more than `DIFFERS`, where asked."""
    table, meter = tables.bill, tables.meter.c
    apart = sa.func.abs(_BILL.amount - _BILL.counted) * DIFFERS.denominator > _BILL.counted * DIFFERS.numerator
    mine = [_BILL.grp == group, *([apart] if differing else [])]
    columns = (_BILL.meter, meter.energy, _BILL.month, _BILL.amount, _BILL.counted)
    query = sa.select(*columns).select_from(table.join(tables.meter, meter.id == _BILL.meter)).where(*mine)
    return [Bill(*row) for row in connection.execute(query.order_by(_BILL.meter, _BILL.month))]


def keep(connection: sa.Connection, meter: str, month: str, amount: int, by: str, now: int) -> None:
    """Keep a bill beside what the ledger counted; kept again with another amount, it is a question anew.

    Args:
        connection: In a transaction that writes.
        meter: Its id, in the registry.
        month: YYYY-MM.
        amount: Base units.
        by: Who enters it.
        now: ms since 1970 in UTC.
    """
    group = connection.execute(sa.select(tables.meter.c.grp).where(tables.meter.c.id == meter)).scalar_one()
    key = {"grp": group, "meter": meter, "month": month}
    before = connection.execute(sa.select(_BILL.amount).where(_of(meter, month))).scalar()
    row = {"amount": amount, "counted": _counted(connection, meter, month), "entered_by": by, "entered_at": now}
    upsert(connection, tables.bill, [key | row])
    if before is not None and before != amount:
        _forget_note(connection, meter, month)
    audited(connection, "bill", {"meter": meter, "month": month, "before": before, "after": amount}, by, now)


def drop(connection: sa.Connection, meter: str, month: str) -> int | None:
    """Let a bill go with what was said of it, in the caller's transaction; its amount, None if there was none."""
    amount: int | None = connection.execute(sa.select(_BILL.amount).where(_of(meter, month))).scalar()
    if amount is not None:
        connection.execute(sa.delete(tables.bill).where(_of(meter, month)))
        _forget_note(connection, meter, month)
    return amount


def withdraw(engine: sa.Engine, meter: str, month: str, by: str, now: int) -> None:
    """Withdraw a bill that is none of this meter's; the counter's figure stays as it was.

    Args:
        engine: Of the ledger.
        meter: Its id.
        month: YYYY-MM.
        by: Who withdraws it.
        now: ms since 1970 in UTC.

    Raises:
        BillError: There is no such bill.
    """
    with writing(engine).begin() as connection:
        amount = drop(connection, meter, month)
        if amount is None:
            raise BillError(f"month: no bill of {meter} for {month} is kept beside its counter")
        audited(connection, "bill", {"meter": meter, "month": month, "before": amount, "after": None}, by, now)


def recount(connection: sa.Connection, ranges: Mapping[str, Sequence[tuple[int, int]]]) -> None:
    """Take over what the ledger has now of the months of bills, where hours (first to last, ms, both included) of meters were counted anew.

    What was said of a difference does not explain another one, so a figure that changed is a question anew.
    """
    of_group = sa.select(tables.meter.c.id).where(tables.meter.c.id == _BILL.meter, tables.meter.c.grp == _BILL.grp).exists()
    query = sa.select(_BILL.meter, _BILL.month, _BILL.counted).where(_BILL.meter.in_(ranges), of_group)
    for meter, month, before in connection.execute(query).all():
        begin, end = _span(month)
        if not any(first < end and last >= begin for first, last in ranges[meter]):
            continue
        counted = _counted(connection, meter, month)
        if counted != before:
            connection.execute(sa.update(tables.bill).where(_of(meter, month)).values(counted=counted))
            _forget_note(connection, meter, month)


def _of(meter: str, month: str) -> sa.ColumnElement[bool]:
    """The bill of a meter's month."""
    group = sa.select(tables.meter.c.grp).where(tables.meter.c.id == meter).scalar_subquery()
    return sa.and_(_BILL.grp == group, _BILL.meter == meter, _BILL.month == month)


def _counted(connection: sa.Connection, meter: str, month: str) -> int:
    hour, (begin, end) = tables.ledger_hour.c, _span(month)
    within = sa.and_(hour.meter == meter, hour.hour >= begin, hour.hour < end)
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.sum(hour.amount), 0)).where(within)).scalar_one())


def _forget_note(connection: sa.Connection, meter: str, month: str) -> None:
    note = tables.finding_note.c
    mine = sa.and_(note.meter == meter, note.since == _span(month)[0], note.kind == BILL_DIFFERS)
    connection.execute(sa.delete(tables.finding_note).where(mine))


def _span(month: str) -> tuple[int, int]:
    begin = periods.month_start(*map(int, month.split("-")))
    return begin, periods.following(begin, "month")
