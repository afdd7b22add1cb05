"""Parameters of requests, read strictly: what is not exactly understood is refused with what was expected."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from cloud.api.problems import unprocessable
from contract.clock import iso, moment
from contract.coded import Message

_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
MOST_HOURS = 100_000
"""Intervals of one answer, more than eleven years; whoever wants more asks in parts or for days."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SCOPE = re.compile(r"district|(compound|unit):[A-Za-z0-9_.-]{1,64}")
_ID = re.compile(r"[^\x00-\x1f]{1,128}")
Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F]*$")]
"""What somebody writes for others to read: without control characters, some of which no database takes."""


def _day(text: object) -> date:
    wanted = "expected a day such as 2026-03-01"
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        raise ValueError(wanted)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(wanted) from None
    if not _FIRST_DAY <= day < _LAST_DAY:
        raise ValueError(f"expected a day from {_FIRST_DAY} to before {_LAST_DAY}")
    return day


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise ValueError("expected district, compound:ID or unit:ID")
    return text


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("expected an id of 1 to 128 printable characters")
    return text


Moment = Annotated[int, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Scope = Annotated[str, AfterValidator(_scope), Query(examples=["district", "compound:c1", "unit:u01"])]
Id = Annotated[str, AfterValidator(_id)]
Year = Annotated[int, Query(ge=2000, le=2099)]
Every = Literal["hour", "day", "month", "quarter", "year"]


def check_span(start: int, end: int) -> None:
    """Refuse a span that holds nothing.

    Raises:
        HTTPException: 422, `end` is not after `start`.
    """
    if end <= start:
        raise unprocessable(Message("problem.span", start=iso(start), end=iso(end)))
