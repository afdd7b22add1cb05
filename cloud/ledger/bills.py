"""Bills of months that a counter counted as a whole: kept beside its figure and compared with it, never added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger.model import MeterKey
from cloud.ledger.periods import month_bounds
from cloud.ledger.repository import bills as repository
from cloud.ledger.repository import hours, notes
from cloud.ledger.repository.bills import Compared
from cloud.platform.database import writing

DIFFERS = Fraction(2, 100)
"""A bill that differs from its counter by more than this part of the counter's figure is asked about: the most that a meter of accuracy
class 2 may err, for electricity (IEC 62053-21) as for cold water (ISO 4064-1, upper range). So much is no fault of either meter.
"""
BILL_DIFFERS = "bill_differs"
"""Kind of the finding."""


class BillError(ValueError):
    """A bill that is not there."""


def keep(connection: sa.Connection, meter: MeterKey, month: str, amount: int, by: str, now: int) -> None:
    """Keep a bill beside what the ledger counted; kept again with another amount, it is a question anew.

    Args:
        connection: In a transaction that writes.
        meter: In the registry.
        month: YYYY-MM.
        amount: Base units.
        by: Who enters it.
        now: ms since 1970 in UTC.
    """
    before = repository.amount(connection, meter, month)
    counted = hours.total(connection, meter, *month_bounds(month))
    repository.put(connection, Compared(meter, month, counted), amount, by, now)
    if before is not None and before != amount:
        _forget_note(connection, meter, month)
    detail = {"meter": meter.id, "month": month, "before": before, "after": amount}
    audited(connection, "bill", detail, by, now, group=meter.group)


def drop(connection: sa.Connection, meter: MeterKey, month: str) -> int | None:
    """Let a bill go with what was said of it, in the caller's transaction; its amount, None if there was none."""
    amount = repository.amount(connection, meter, month)
    if amount is not None:
        repository.delete(connection, meter, month)
        _forget_note(connection, meter, month)
    return amount


def withdraw(engine: sa.Engine, meter: MeterKey, month: str, by: str, now: int) -> None:
    """Withdraw a bill that is none of this meter's; the counter's figure stays as it was.

    Args:
        engine: Of the ledger.
        meter: Whose.
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
        detail = {"meter": meter.id, "month": month, "before": amount, "after": None}
        audited(connection, "bill", detail, by, now, group=meter.group)


def recount(connection: sa.Connection, ranges: Mapping[MeterKey, Sequence[tuple[int, int]]]) -> None:
    """Take over what the ledger has now of the months of bills, where hours (first to last, ms, both included) of meters were counted anew.

    What was said of a difference does not explain another one, so a figure that changed is a question anew.
    """
    for meter, month, before in repository.of_meters(connection, ranges):
        begin, end = month_bounds(month)
        if not any(first < end and last >= begin for first, last in ranges[meter]):
            continue
        counted = hours.total(connection, meter, begin, end)
        if counted != before:
            repository.set_counted(connection, Compared(meter, month, counted))
            _forget_note(connection, meter, month)


def _forget_note(connection: sa.Connection, meter: MeterKey, month: str) -> None:
    notes.forget(connection, (meter, month_bounds(month)[0], BILL_DIFFERS))
