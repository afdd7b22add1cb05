"""Which figures a change of the registry restates: the targets of every year that has figures, before it and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.indicators import scopes
from cloud.indicators.figures import all_targets
from cloud.indicators.model import Indicator
from cloud.indicators.scopes import Registry
from cloud.ledger.periods import local_date

Key = tuple[int, str, str]
"""Year, scope and indicator."""
_CLOSE = 1e-9
"""Figures are rounded once, from Decimal; what differs by less is the same number."""


Figures = Mapping[Key, Indicator]
"""All figures at one state of the registry."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A figure that moves.

    Attributes:
        year: Of the target.
        scope: As it is called afterwards.
        old: Before.
        new: After.
    """

    year: int
    scope: str
    old: Indicator
    new: Indicator

    def __str__(self) -> str:
        """As `site plan` prints it."""
        change = f", change {_percent(self.old.change)} -> {_percent(self.new.change)}"
        status = f", {self.old.status} -> {self.new.status}" if self.old.status != self.new.status else ""
        values = f"{_shown(self.old.actual.value)} -> {_shown(self.new.actual.value)} {self.new.unit}"
        why = f" ({self.new.reason})" if self.new.actual.value is None and self.new.reason else ""
        return f"{self.year} {self.scope} {self.new.id}: {values}{change if self.old.change != self.new.change else ''}{status}{why}"


def years(registries: Sequence[Registry], now: int) -> range:
    """From the first year that one of them has figures of to this one."""
    this = local_date(now).year
    return range(min((registry.first_year or this for registry in registries), default=this), this + 1)


def figures(connection: sa.Connection, group: str, of: range, now: int) -> Figures:
    """Every figure of a district and of some years as the registry stands in this transaction.

    Args:
        connection: To registry and ledger.
        group: The district's code.
        of: The years.
        now: ms since 1970 in UTC.
    """
    answers = all_targets(connection, scopes.load(connection, group), of, now)
    return {(answer.year, answer.scope, indicator.id): indicator for answer in answers for indicator in answer.indicators}


def restated(before: Figures, later: Figures, units: Mapping[str, str]) -> Iterator[Restated]:
    """The figures that differ, of scopes that there are before and after.

    Args:
        before: At the state before.
        later: At the state after.
        units: New ids of units by old.
    """
    for (year, scope, name), old in before.items():
        kind, _, of = scope.partition(":")
        called = f"unit:{units.get(of, of)}" if kind == "unit" else scope
        new = later.get((year, called, name))
        if new is not None and not _same(old, new):
            yield Restated(year, called, old, new)


def _same(old: Indicator, new: Indicator) -> bool:
    pairs = ((old.actual.value, new.actual.value), (old.change, new.change))
    return old.status == new.status and all(_equal(a, b) for a, b in pairs)


def _equal(a: float | None, b: float | None) -> bool:
    return a == b if a is None or b is None else abs(a - b) <= _CLOSE * max(abs(a), abs(b), 1.0)


def _shown(value: float | None) -> str:
    return "no figure" if value is None else f"{value:.6g}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:+.2f} %"
