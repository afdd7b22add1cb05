"""Schedules: what points should have at which times, as a site's file says it (ASHRAE 135: Schedule, with Calendar's days in its spans)."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date
from functools import cached_property
from itertools import chain
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from contract import schedule_faults
from contract.day import Day
from contract.fault import Fault, located
from contract.operation import DAY_MINUTES, EndOfSpan, Id, Season, Text, TimeOfDay, minute_of_day
from contract.workdays import WEEKDAYS, Workdays
from contract.yamlfile import Strict

DayWord = Literal["workdays", "days_off", "every_day", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_LONGEST_LEAD = 240
Minutes = Annotated[int, Field(ge=0, le=_LONGEST_LEAD)]


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


Days = Annotated[list[DayWord], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=DayWord | list[DayWord])]
"""One word or a list of them. `workdays` and `days_off` are those of the official calendar with its make-up days."""
Values = Annotated[dict[str, float], Field(min_length=1)]
"""What points should have, in the point's unit; a state has its number."""


class Between(Strict):
    """A span of time of a day, its end excluded. One whose end is not after its start ends on the next day."""

    start: TimeOfDay
    end: EndOfSpan
    values: Values

    @cached_property
    def minutes(self) -> tuple[int, int]:
        """First minute and the one after the last, both counted from midnight of the day on which it begins."""
        first, last = minute_of_day(self.start), minute_of_day(self.end)
        return first, last if last > first else last + DAY_MINUTES


class Span(Strict):
    """Spans of time on some days of each week; each belongs to the day on which it begins."""

    days: Days
    between: list[Between] = Field(min_length=1)

    def on(self, day: date, workdays: Workdays) -> bool:
        """Whether its spans begin on a day."""
        words = {"every_day", WEEKDAYS[day.weekday()], "workdays" if day in workdays else "days_off"}
        return not words.isdisjoint(self.days)


class Exceptional(Strict):
    """Days on which the weekly part says nothing, and what holds instead; beside its spans the schedule's default holds."""

    start: Day
    end: Day | None = None
    """The last day, which is one of them; the first where none is given."""
    reason: Annotated[str, Field(min_length=1)]
    spans: list[Between] = []

    @property
    def last(self) -> date:
        """The last day."""
        return self.end or self.start

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.last < self.start:
            raise located([Fault(("end",), f"expected no day before start ({self.start})", str(self.end))])
        return self


class Effective(Strict):
    """From a date to another, both included; without one of them it is open there."""

    start: Day | None = None
    end: Day | None = None

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise located([Fault(("end",), f"expected no day before start ({self.start})", str(self.end))])
        return self

    def __contains__(self, day: date) -> bool:
        """Whether a date lies in it."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)


class Lead(Strict):
    """Minutes by which spans may begin earlier than they say, and by which they end earlier."""

    start: Minutes = 0
    """At most: how early it is depends on what the plant needs."""
    stop: Minutes = 0


class Schedule(Strict):
    """What points of some devices should have, by day and time. Where it says nothing of a point, the point keeps what it has."""

    id: Id
    name: Text
    devices: list[Id] = Field(min_length=1)
    effective: Effective = Effective()
    season: Season | None = None
    """The part of each year in which it says something; all of it where none is given."""
    weekly: list[Span] = []
    exceptions: list[Exceptional] = []
    default: dict[str, float] = {}
    """What points should have while no span says otherwise."""
    lead: Lead = Lead()
    policy: Literal["until_next", "limits", "enforce"] = "until_next"
    """What somebody changes at the wall stays until the next switch, stays within the season's limits, or is put back."""

    @cached_property
    def points(self) -> frozenset[str]:
        """Every point that it says something of."""
        weekly = (between for span in self.weekly for between in span.between)
        excepted = (between for exception in self.exceptions for between in exception.spans)
        return frozenset(self.default).union(*(between.values for between in chain(weekly, excepted)))

    def covers(self, day: date) -> bool:
        """Whether it says something on a day."""
        return day in self.effective and (self.season is None or f"{day:%m-%d}" in self.season)

    def exception_on(self, day: date) -> Exceptional | None:
        """The exception that a day belongs to."""
        place = bisect_right(self._by_start, day, key=lambda one: one.start) - 1
        found = self._by_start[place] if place >= 0 else None
        return found if found is not None and day <= found.last else None

    @cached_property
    def _by_start(self) -> list[Exceptional]:
        return sorted(self.exceptions, key=lambda one: one.start)

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        faults = [*schedule_faults.idle(self), *schedule_faults.unclear(self)]
        if faults:
            raise located(faults)
        return self
