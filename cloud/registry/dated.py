"""Headcounts and floor areas of the site's files as dated rows, so that a new number restates nothing earlier.

What a person approved by another way than the files is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from contract.site import Unit

SITE_FILE = "site file"
"""Who approved the headcounts and areas of a site that was entered."""
VALID_FROM = "2020-01-01"
"""Since when those of the first site hold: before any history that is imported."""
KINDS = ("headcount", "area")
Rows = dict[str, Decimal]
"""Values by the ISO date they hold from; 0 says that the unit does not exist."""


class DayError(ValueError):
    """A day from which a number cannot hold."""


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


def wanted(unit: Unit, kind: str) -> Wanted:
    """What the files say of a kind."""
    changes = {c.since.isoformat(): _exact(getattr(c, kind)) for c in unit.changes if getattr(c, kind) is not None}
    return Wanted(_exact(getattr(unit, kind)), changes, None if unit.since is None else unit.since.isoformat())


def _exact(value: float) -> Decimal:
    """As the database keeps it."""
    return round(Decimal(str(value)), 4)


def first_rows(asked: Wanted, born: str) -> Rows:
    """The rows of a unit that is entered now: nobody and no area before its first day."""
    begins = asked.since or born
    nothing = {VALID_FROM: Decimal(0)} if begins > VALID_FROM else {}
    return nothing | {begins: asked.value} | asked.changes


def next_rows(rows: Rows, asked: Wanted, day: date) -> Rows:
    """The rows of a unit that was entered earlier.

    Args:
        rows: As they are, those of the files only.
        asked: What the files say now.
        day: From when a new value holds.

    Raises:
        DayError: A later day has a value already, which the new one would come before.
    """
    first_change = min(asked.changes, default=None)
    found = {at: value for at, value in rows.items() if first_change is None or at < first_change}
    if asked.since is not None:
        found = _begun(found, asked.value, asked.since)
    last = max(found, default=None)
    if last is None:
        found[VALID_FROM] = asked.value
    elif found[last] != asked.value:
        at = day.isoformat()
        if first_change is not None and at >= first_change:
            at = last  # what holds now stands in `changes`; so this corrects what was before
        elif at < last:
            raise DayError(f"expected a day from {last} on, since when {found[last].normalize():f} holds, got {at}")
        found[at] = asked.value
    return found | asked.changes


def _begun(rows: Rows, value: Decimal, since: str) -> Rows:
    """The rows of a unit with its first day where the files say that it is.

    What held on its first day as it was known until now holds from there; `value`, if it had none or comes back. A time in which it was
    gone before that day stays.
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
    return nothing | earlier | {since: holds(lived, max(begin, since)) or value} | later


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
