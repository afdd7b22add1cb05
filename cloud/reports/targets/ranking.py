"""What changed most: rises and falls in kgce, the largest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cloud.reports.targets.facts import MeterRow, UnitRow

MOST = 5
"""Rows of a list."""
Row = TypeVar("Row", MeterRow, UnitRow)


def rises(rows: Sequence[Row], most: int = MOST) -> list[Row]:
    """Those that rose, the largest rise first; what cannot be compared is in neither list."""
    found = [row for row in rows if row.coal.difference is not None and row.coal.difference > 0]
    return sorted(found, key=lambda row: (-(row.coal.difference or 0), row.id))[:most]


def falls(rows: Sequence[Row], most: int = MOST) -> list[Row]:
    """Those that fell, the largest fall first."""
    found = [row for row in rows if row.coal.difference is not None and row.coal.difference < 0]
    return sorted(found, key=lambda row: (row.coal.difference or 0, row.id))[:most]
