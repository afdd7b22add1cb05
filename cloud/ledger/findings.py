"""Questions for people: what the ledger could not decide, with the amount at stake, open until a record or a note explains it.

A record (an exchange, a time out of use) makes the ledger count anew, and the question goes by itself; a note leaves the figure and
says why it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import sqlalchemy as sa

from cloud.accounts.repository import audited
from cloud.ledger.bills import BILL_DIFFERS, DIFFERS
from cloud.ledger.counters import SEAM, UNDECIDED, Judgement
from cloud.ledger.model import MeterKey
from cloud.ledger.path import Kind
from cloud.ledger.periods import DAY_MS, HOUR_MS
from cloud.ledger.queries import findings as queries
from cloud.ledger.queries.bills import kept
from cloud.ledger.repository import notes
from cloud.ledger.repository.notes import Note
from cloud.platform.database import writing
from cloud.texts import CodedError
from contract.coded import Message

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


class FindingError(CodedError, ValueError):
    """A note that cannot be taken; the message says the field and what was expected."""


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
    recorded_until = None if now is None else now - _PENDING_AFTER
    found = [
        *_judged(connection, group, now),
        *_exchanges(connection, group, recorded_until),
        *_ratios(connection, group, recorded_until),
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
        raise FindingError(Message("finding.note", most=_MAX_NOTE, number=len(note.strip())))
    with writing(engine).begin() as connection:
        if not any((one.meter, one.start, one.kind) == finding for one in listed(connection, group)):
            raise FindingError(Message("finding.none", kind=kind, meter=meter))
        notes.put(connection, (MeterKey(group, meter), start, kind), Note(note.strip(), by, now))
        detail = {"grp": group, "meter": meter, "since": start, "kind": kind, "note": note.strip(), "by": by, "at": now}
        audited(connection, "finding", detail, by, now, group=group)


def _judged(connection: sa.Connection, group: str, now: int | None) -> list[Finding]:
    """What the ledger could not decide from the samples."""
    return [
        Finding(meter, energy, one.kind, one.since, one.until, one.stake, one.amount, one.before, one.after)
        for meter, energy, one in queries.at_stake(connection, group)
        if now is None or now - one.at >= _asked_after(one)
    ]


def _asked_after(one: Judgement) -> int:
    """How long (ms) what was judged may decide itself before somebody is asked.

    A counter that stands, and of which only the usual use says that it should not, may move again after some days off.
    """
    if one.kind == UNDECIDED:
        return _UNDECIDED_AFTER
    stands_unseen = one.kind == Kind.FROZEN and not one.amount and one.basis is not None
    return _UNSEEN_AFTER if stands_unseen else 0


def _exchanges(connection: sa.Connection, group: str, recorded_until: int | None) -> list[Finding]:
    """Exchanges that were recorded and that the samples do not show."""
    return [
        Finding(meter, energy, PENDING, at, at, max(abs(last - first), 1), before=last, after=first)
        for meter, energy, at, last, first in queries.pending_exchanges(connection, group, recorded_until)
    ]


def _ratios(connection: sa.Connection, group: str, recorded_until: int | None) -> list[Finding]:
    """Ratios that were entered and that the samples do not show: what was counted since may be wrong by the factor."""
    found = []
    for one in queries.pending_ratios(connection, group, recorded_until):
        stake = max(round(abs(one.factor - 1) * one.counted), 1)
        end = one.at if one.last is None else one.last + HOUR_MS
        found.append(Finding(one.meter, one.energy, RATIO_PENDING, one.at, end, stake, one.counted))
    return found


def _bills(connection: sa.Connection, group: str) -> list[Finding]:
    """Bills that differ from what their counter counted in the same month."""
    return [
        Finding(one.meter, one.energy, BILL_DIFFERS, *one.span, amount=abs(one.amount - one.counted), counted=one.counted)
        for one in kept(connection, group, beyond=DIFFERS)
    ]


def _noted(connection: sa.Connection, group: str, found: Sequence[Finding]) -> list[Finding]:
    """The findings with what people wrote about them."""
    said = notes.of_group(connection, group) if found else {}
    of_each = [(one, said.get((MeterKey(group, one.meter), one.start, one.kind))) for one in found]
    return [one if of is None else replace(one, state="explained", note=of.text, by=of.by, at=of.at) for one, of in of_each]
