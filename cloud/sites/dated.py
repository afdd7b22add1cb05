"""Headcounts and floor areas of the site's files as dated rows, so that a new number restates nothing earlier.

What a person approved by another way than the files is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from contract.institution import ALWAYS, Institution

SITE_FILE = "site file"
"""Who approved the headcounts and areas of a site that was entered."""
VALID_FROM = ALWAYS.isoformat()
"""Since when those of the first site hold."""
Rows = dict[str, Decimal]
"""Values by the ISO date they hold from; 0 says that the unit does not exist."""


class DayError(ValueError):
    """A day from which a number cannot hold."""

    def __init__(self, field: str, message: str) -> None:
        """`field` says where the day was given: `--from`, or a field of the unit."""
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the files say of a unit's people or area.

    Attributes:
        value: What holds until the first of `changes`.
        changes: By ISO date, ascending.
        since: First day of the unit, if it was not always there.
    """

    value: Decimal
    changes: Rows
    since: str | None = None


def stated(unit: Institution, kind: str) -> Rows:
    """The rows of a kind of which the files say all values with their days."""
    return {one.since.isoformat(): _exact(one.value) for one in unit.denominators.get(kind, ())}


def wanted(unit: Institution, kind: str) -> Wanted:
    """What the files say of a kind."""
    changes = {c.since.isoformat(): _exact(getattr(c, kind)) for c in unit.changes if getattr(c, kind) is not None}
    return Wanted(_exact(getattr(unit, kind)), changes, None if unit.since is None else unit.since.isoformat())


def _exact(value: float) -> Decimal:
    """As the database keeps it."""
    return round(Decimal(str(value)), 4)


def first_rows(asked: Wanted, born: str) -> Rows:
    """The rows of a unit that is entered now: nobody and no area before its first day.

    Raises:
        DayError: The unit was nobody on the day of a change.
    """
    begins = asked.since or born
    _holds_by_then(asked, begins)
    nothing = {VALID_FROM: Decimal(0)} if begins > VALID_FROM else {}
    return nothing | {begins: asked.value} | asked.changes


def next_rows(rows: Rows, asked: Wanted, day: date) -> Rows:
    """The rows of a unit that was entered earlier.

    Args:
        rows: As they are, those of the files only.
        asked: What the files say now.
        day: From when a new value holds.

    Raises:
        DayError: A later day has a value already, which the new one would come before; a change lies before the first day and would be
            lost; or the unit was nobody on the day of a change.
    """
    if asked.since is None:
        _holds_by_then(asked, min((at for at, value in rows.items() if value), default=""))
    first_change = min(asked.changes, default=None)
    found = {at: value for at, value in rows.items() if first_change is None or at < first_change}
    if asked.since is not None:
        found = _begun(found, asked, asked.since)
    last = max(found, default=None)
    if last is None:
        found[VALID_FROM] = asked.value
    elif found[last] != asked.value:
        at = day.isoformat()
        if first_change is not None and at >= first_change:
            at = last  # what holds now stands in `changes`; so this corrects what was before
        elif at < last:
            raise DayError("--from", f"expected a day from {last} on, since when {found[last].normalize():f} holds, got {at}")
        found[at] = asked.value
    return found | asked.changes


def _holds_by_then(asked: Wanted, begins: str) -> None:
    """Refuse a change on the first day or before it: the first number would take its place again."""
    first = min(asked.changes, default=None)
    if first is not None and first <= begins:
        hint = "; `since` at the unit says an earlier one" if asked.since is None else ""
        raise DayError("changes", f"expected a day after {begins}, the unit's first, got {first}{hint}")


def _begun(rows: Rows, asked: Wanted, since: str) -> Rows:
    """The rows of a unit with its first day where the files say that it is.

    What held on its first day as it was known until now holds from there; what the files ask for, if it had none or comes back. A time
    in which it was gone before that day stays.

    Raises:
        DayError: A change lies before it.
    """
    days = sorted(rows)
    begins = [at for at, before in zip(days, [None, *days], strict=False) if rows[at] and not (before and rows[before])]
    if since in begins:
        return rows
    gone = max((at for at in days if at < since and not rows[at]), default="")
    begin = next((at for at in begins if at > gone), since)
    lived = {at: held for at, held in rows.items() if at >= begin and held}
    earlier = {at: held for at, held in rows.items() if at < min(begin, since)}
    nothing = {VALID_FROM: Decimal(0)} if since > VALID_FROM and not earlier else {}
    later = {at: held for at, held in lived.items() if at > max(begin, since)}
    _nothing_lost({at: held for at, held in lived.items() if at <= since}, asked, since)
    return nothing | earlier | {since: holds(lived, max(begin, since)) or asked.value} | later


def _nothing_lost(rows: Rows, asked: Wanted, since: str) -> None:
    """Refuse a first day to which `rows` lead if one of them is a change that the files do not state anew."""
    days = sorted(rows)
    for before, at in pairwise(days):
        if rows[at] != rows[before] and rows[at] not in asked.changes.values():
            old, new = (f"{rows[day].normalize():f}" for day in (before, at))
            right = f"if it stayed {old} then, first enter that with changes from {at} on"
            raise DayError("since", f"expected a day before {at}, when {old} became {new}, got {since}; {right}")


def retired_rows(rows: Rows, day: date) -> Rows:
    """The rows of a unit that there is no more from a day on."""
    return {at: value for at, value in rows.items() if at < day.isoformat()} | {day.isoformat(): Decimal(0)}


def holds(rows: Rows, day: str) -> Decimal | None:
    """What holds on a day; None if nothing is known."""
    earlier = [at for at in rows if at <= day]
    return rows[max(earlier)] if earlier else None


class Told(NamedTuple):
    """What changes from a day on: what held, and what will; until the day from which both say the same again, if there is one."""

    at: str
    until: str | None
    old: Decimal | None
    new: Decimal | None


def told(before: Rows, after: Rows) -> Sequence[Told]:
    """What changes, day by day."""
    days = sorted({*before, *after})
    same = {at: holds(before, at) == holds(after, at) for at in days}
    following = zip(days, [*days[1:], None], strict=False)
    return [Told(at, end if end and same[end] else None, holds(before, at), holds(after, at)) for at, end in following if not same[at]]
