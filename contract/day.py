"""A day as a file may name it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST, _LAST = 1900, 2100


def _no_number(given: object) -> object:
    """Pydantic takes a number, and a text that is one, for seconds since 1970."""
    if isinstance(given, int | float) or (isinstance(given, str) and not _WRITTEN.fullmatch(given)):
        raise ValueError("expected a day as YYYY-MM-DD")
    return given


def _of_our_time(day: date) -> date:
    if not _FIRST <= day.year <= _LAST:
        raise ValueError(f"expected a day from {_FIRST} to {_LAST}")
    return day


Day = Annotated[date, BeforeValidator(_no_number), AfterValidator(_of_our_time)]
"""YYYY-MM-DD, in a year in which something of a site may begin or end."""
