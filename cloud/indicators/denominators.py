"""Headcount and floor area as dated series: a figure is divided by their day-weighted mean over its own span.

So a value that holds from today on restates nothing earlier. Rows are those that were approved; the statistics do not say
whether the year's end or its mean counts, so the mean is a project rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Dated:
    """A value (persons or m2) that holds from a day on until the next row's; 0 says that a unit does not exist."""

    valid_from: date
    value: Decimal


def mean(series: Sequence[Dated], start: date, end: date) -> Decimal | None:
    """The day-weighted mean over the days from `start` up to but not including `end`.

    None where it cannot be known: the span is empty or begins before the first row.

    Raises:
        ValueError: Two rows begin on one day.
    """
    rows = sorted(series, key=lambda row: row.valid_from)
    if any(a.valid_from == b.valid_from for a, b in pairwise(rows)):
        raise ValueError("a dated series: two rows begin on one day")
    if end <= start or not rows or rows[0].valid_from > start:
        return None
    ends = [row.valid_from for row in rows[1:]] + [date.max]
    weighted = Decimal(0)
    for row, until in zip(rows, ends, strict=True):
        days = (min(until, end) - max(row.valid_from, start)).days
        weighted += row.value * max(days, 0)
    return weighted / (end - start).days


def total(many: Iterable[Sequence[Dated]], start: date, end: date) -> Decimal | None:
    """The sum of the means of all units of a scope; None if one of them is unknown, or there are none.

    A unit that comes into being later has a row of 0 before, so a forgotten row is not taken for an empty unit.
    """
    means = [mean(series, start, end) for series in many]
    known = [value for value in means if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(means) else None
