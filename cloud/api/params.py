"""Parameters of requests, read strictly: what is not exactly understood is refused with what was expected."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from fastapi import Query
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from cloud.api.faults import WrongError
from cloud.api.problems import unprocessable
from cloud.organisations.tree import ORGANISATION
from contract.clock import EARLIEST, LATEST, FarTimeError, iso, moment
from contract.coded import Message

_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)
MOST_HOURS = 100_000
"""Intervals of one answer, more than eleven years; whoever wants more asks in parts or for days."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_SCOPE = re.compile(r"district|(compound|unit):[A-Za-z0-9_.-]{1,64}")
_ORGANISATION = re.compile(rf"{ORGANISATION}[A-Za-z0-9_.-]{{1,64}}")
_ID = re.compile(r"[^\x00-\x1f]{1,128}")
Said = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F]*$")]
"""What somebody writes for others to read: without control characters, some of which no database takes."""


def _moment(text: object) -> int:
    try:
        return moment(text)
    except FarTimeError:
        raise WrongError(Message("invalid.far_time", first=iso(EARLIEST), last=iso(LATEST))) from None
    except ValueError:
        raise WrongError(Message("invalid.time")) from None


def _day(text: object) -> date:
    try:
        day = date.fromisoformat(text) if isinstance(text, str) and _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise WrongError(Message("invalid.day"))
    if not _FIRST_DAY <= day < _LAST_DAY:
        raise WrongError(Message("invalid.far_day", first=str(_FIRST_DAY), last=str(_LAST_DAY)))
    return day


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise WrongError(Message("invalid.scope"))
    return text


def _figure_scope(text: str) -> str:
    if not _SCOPE.fullmatch(text) and not _ORGANISATION.fullmatch(text):
        raise WrongError(Message("invalid.figure_scope"))
    return text


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise WrongError(Message("invalid.id"))
    return text


Moment = Annotated[int, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Scope = Annotated[str, AfterValidator(_scope), Query(examples=["district", "compound:c1", "unit:u01"])]
FigureScope = Annotated[
    str, AfterValidator(_figure_scope), Query(examples=["district", "compound:c1", "unit:u01", "organisation:guangyuan"])
]
"""The same, or an organisation of the tree."""
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
