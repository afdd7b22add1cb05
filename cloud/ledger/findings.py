"""Questions for people: what the ledger could not decide, with the amount at stake, open until a record or a note explains it.

A record (an exchange, a time out of use) makes the ledger count anew, and the question goes by itself; a note leaves the figure and
says why it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger import tables
from cloud.ledger.bills import BILL_DIFFERS, DIFFERS
from cloud.ledger.counters import SEAM, UNDECIDED
from cloud.ledger.path import Kind
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.queries.bills import kept
from cloud.platform.database import upsert, writing

PENDING = "exchange_pending"
"""A recorded exchange that no break in the samples fits."""
RATIO_PENDING = "ratio_pending"
"""A ratio that was entered and that no gateway was seen to take over."""
_UNDECIDED_AFTER, _PENDING_AFTER, _UNSEEN_AFTER = DAY_MS, 7 * DAY_MS, 7 * DAY_MS
KINDS = (
    Kind.RESET,
    Kind.ROLLOVER,
    Kind.FALL,
    Kind.JUMP,
    Kind.FROZEN,
    Kind.SHORTFALL,
    SEAM,
    UNDECIDED,
    PENDING,
    RATIO_PENDING,
    BILL_DIFFERS,
)
_MAX_NOTE = 500


class FindingError(ValueError):
    """A note that cannot be taken; one line with the field and what was expected."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One question.

    Attributes:
        meter: Whose counter.
        energy: What it counts.
        kind: What happened, one of `KINDS`.
        start: Begin of the time it is about, ms since 1970 in UTC.
        end: Its end, ms.
        amount: At stake, base units of the energy; always positive.
        counted: What the ledger counts for that time meanwhile, base units.
        before: What the counter showed last before, base units.
        after: What it showed first then.
        state: `explained` once somebody wrote a note.
        note: Of whoever explained it.
        by: Who that was.
        at: When, ms.
    """

    meter: str
    energy: str
    kind: str
    start: int
    end: int
    amount: int
    counted: int = 0
    before: int | None = None
    after: int | None = None
    state: Literal["open", "explained"] = "open"
    note: str | None = None
    by: str | None = None
    at: int | None = None


def listed(connection: sa.Connection, group: str, now: int | None = None, meters: Sequence[str] | None = None) -> list[Finding]:
    """The findings of a district, by time.

    Args:
        connection: To the registry and ledger.
        group: The district's code.
        now: ms since 1970 in UTC; without it, samples that nothing followed yet and records that wait count as well.
        meters: Only of these; all if None.
    """
    found = [
        *_judged(connection, group, now),
        *_exchanges(connection, group, now),
        *_ratios(connection, group, now),
        *_bills(connection, group),
    ]
    found = [one for one in found if meters is None or one.meter in meters]
    return sorted(_noted(connection, group, found), key=lambda one: (one.start, one.meter, one.kind))


def explain(engine: sa.Engine, group: str, finding: tuple[str, int, str], note: str, by: str, now: int) -> None:
    """Say why a figure stands as it is; the finding is no longer open.

    Args:
        engine: Of the ledger.
        group: The district's code.
        finding: Its meter, start (ms) and kind.
        note: Why, at most 500 characters.
        by: Who says so.
        now: ms since 1970 in UTC.

    Raises:
        FindingError: There is no such finding, or the note says nothing.
    """
    meter, start, kind = finding
    if not note.strip() or len(note) > _MAX_NOTE:
        raise FindingError(f"note: expected 1 to {_MAX_NOTE} characters, got {len(note.strip())}")
    with writing(engine).begin() as connection:
        if not any((one.meter, one.start, one.kind) == finding for one in listed(connection, group)):
            raise FindingError(f"finding: no {kind} of {meter} that begins then; `jieyue-cloud findings` lists them")
        row = {"grp": group, "meter": meter, "since": start, "kind": kind, "note": note.strip(), "by": by, "at": now}
        upsert(connection, tables.finding_note, [row])
        audited(connection, "finding", row, by, now)


def _judged(connection: sa.Connection, group: str, now: int | None) -> list[Finding]:
    """What the ledger could not decide from the samples."""
    judged, meter = tables.judgement, tables.meter
    joined = judged.join(meter, meter.c.id == judged.c.meter)
    query = sa.select(judged, meter.c.energy).select_from(joined).where(judged.c.grp == group, judged.c.stake > 0)
    return [
        Finding(
            row["meter"],
            row["energy"],
            row["kind"],
            row["since"],
            row["until"],
            row["stake"],
            row["amount"],
            row["before"],
            row["after"],
        )
        for row in connection.execute(query).mappings()
        if now is None or now - row["at"] >= _asked_after(row)
    ]


def _asked_after(row: sa.RowMapping) -> int:
    """How long (ms) what was judged may decide itself before somebody is asked.

    A counter that stands, and of which only the usual use says that it should not, may move again after some days off.
    """
    if row["kind"] == UNDECIDED:
        return _UNDECIDED_AFTER
    stands_unseen = row["kind"] == Kind.FROZEN and not row["amount"] and row["basis"] is not None
    return _UNSEEN_AFTER if stands_unseen else 0


def _exchanges(connection: sa.Connection, group: str, now: int | None) -> list[Finding]:
    """Exchanges that were recorded and that the samples do not show."""
    exchange, meter = tables.exchange, tables.meter.c
    joined = exchange.join(tables.meter, meter.id == exchange.c.meter)
    waiting = sa.and_(meter.grp == group, *_waits(exchange, now))
    rows = connection.execute(sa.select(exchange, meter.energy).select_from(joined).where(waiting)).mappings()
    return [
        Finding(
            meter=row["meter"],
            energy=row["energy"],
            kind=PENDING,
            start=row["at"],
            end=row["at"],
            amount=max(abs(row["old_last"] - row["new_first"]), 1),
            before=row["old_last"],
            after=row["new_first"],
        )
        for row in rows
    ]


def _ratios(connection: sa.Connection, group: str, now: int | None) -> list[Finding]:
    """Ratios that were entered and that the samples do not show: what was counted since may be wrong by the factor."""
    ratio, meter, hour = tables.ratio_change, tables.meter.c, tables.ledger_hour.c
    since = sa.and_(hour.meter == ratio.c.meter, hour.hour >= ratio.c.at)
    counted = sa.select(sa.func.coalesce(sa.func.sum(hour.amount), 0)).where(since).scalar_subquery()
    last = sa.select(sa.func.max(hour.hour)).where(since).scalar_subquery()
    joined = ratio.join(tables.meter, meter.id == ratio.c.meter)
    columns = (ratio.c.meter, meter.energy, ratio.c.at, ratio.c.factor, counted, last)
    rows = connection.execute(sa.select(*columns).select_from(joined).where(ratio.c.grp == group, *_waits(ratio, now)))
    found = []
    for name, energy, at, factor, used, newest in rows:
        stake = max(round(abs(Decimal(factor) - 1) * int(used)), 1)
        found.append(Finding(name, energy, RATIO_PENDING, at, at if newest is None else newest + HOUR_MS, stake, int(used)))
    return found


def _bills(connection: sa.Connection, group: str) -> list[Finding]:
    """Bills that differ from what their counter counted in the same month."""
    return [
        Finding(one.meter, one.energy, BILL_DIFFERS, *one.span, amount=abs(one.amount - one.counted), counted=one.counted)
        for one in kept(connection, group, beyond=DIFFERS)
    ]


def _waits(table: sa.Table, now: int | None) -> list[sa.ColumnElement[bool]]:
    """That a record is not placed, and since long."""
    due = [] if now is None else [table.c.recorded_at <= now - _PENDING_AFTER]
    return [table.c.placed_at.is_(None), *due]


def _noted(connection: sa.Connection, group: str, found: Sequence[Finding]) -> list[Finding]:
    """The findings with what people wrote about them."""
    note = tables.finding_note.c
    query = sa.select(note.meter, note.since, note.kind, note.note, note.by, note.at).where(note.grp == group)
    notes = {tuple(row[:3]): tuple(row[3:]) for row in connection.execute(query)} if found else {}
    said = [(one, notes.get((one.meter, one.start, one.kind))) for one in found]
    return [one if of is None else replace(one, state="explained", note=of[0], by=of[1], at=of[2]) for one, of in said]
