"""How a site is run: lifts and their windows, zones, hours, seasons, and the map under its cars."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from contract.day import Day
from contract.fault import Fault, located
from contract.workdays import Workdays
from contract.yamlfile import Strict

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""Local time as HH:MM."""
EndOfSpan = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""The same; 24:00 is the midnight that ends a day."""
_DAY_OF_YEAR = r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
_LEAP_YEAR = 2000


def _exists(day: str) -> str:
    try:
        date.fromisoformat(f"{_LEAP_YEAR}-{day}")
    except ValueError:
        raise ValueError("expected a day that a year has, as MM-DD") from None
    return day


DayOfYear = Annotated[str, Field(pattern=_DAY_OF_YEAR), AfterValidator(_exists)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


DAY_MINUTES = 24 * 60


def minute_of_day(clock: str) -> int:
    """Minutes from midnight to a `TimeOfDay` or an `EndOfSpan`."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)


class Text(Strict):
    """A name in both languages of the product."""

    zh: str
    en: str


class Hours(Strict):
    """A span of a day in local time, its end excluded; it does not run over midnight."""

    start: TimeOfDay
    end: EndOfSpan

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end <= self.start:
            raise located([Fault(("end",), f"expected a time after start ({self.start}); hours do not run over midnight", self.end)])
        return self


class Window(Hours):
    """When odd/even stopping holds, in local time."""

    days: Literal["workdays", "every_day"] = "workdays"


class Car(Strict):
    """One elevator car: its device and the floors it serves inside a window."""

    device: Id
    parity: Literal["odd", "even", "all"]
    served: list[int]


class ElevatorGroup(Strict):
    """Cars under one group controller."""

    id: Id
    building: Id
    common_floors: list[int] = [1]
    cars: list[Car]
    windows: list[Window]


class Zone(Strict):
    """A conditioned zone and the switch that runs it."""

    id: Id
    name: Text
    device: Id


class Landmark(Strict):
    """A place that a map names."""

    name: Text
    latitude: Latitude
    longitude: Longitude


class Map(Strict):
    """What is drawn under the cars where there is no internet to take a map from."""

    roads: list[list[tuple[Latitude, Longitude]]] = []
    """Lines of (latitude, longitude)."""
    landmarks: list[Landmark] = []


class Season(Strict):
    """From a day of the year to another, both included; may run over New Year."""

    start: DayOfYear
    end: DayOfYear

    def __contains__(self, day: str) -> bool:
        """Whether a day of the year, MM-DD, lies in it."""
        begun, not_over = day >= self.start, day <= self.end
        return begun or not_over if self.start > self.end else begun and not_over


class Exemption(Strict):
    """Who a rule does not hold for, such as a hospital or an approved process (State Council notice 2007 no. 42)."""

    rule: str
    subjects: list[Id] = Field(min_length=1)
    reason: Annotated[str, Field(min_length=1)]


class Operation(Strict):
    """When a site works and when its plant may run; local authorities may be stricter than the defaults."""

    work: Hours = Hours(start="08:30", end="18:00")
    plant: Hours = Hours(start="07:00", end="19:00")
    """When air-conditioning and fresh air may run on working days."""
    cooling: Season = Season(start="05-01", end="09-30")
    heating: Season = Season(start="11-01", end="03-31")
    worked: list[Day] = []
    """Days on which the site works whatever the official calendar says."""
    free: list[Day] = []
    """Days on which it does not."""
    exemptions: list[Exemption] = []

    @model_validator(mode="after")
    def _one_season_at_a_time(self) -> Self:
        if self.cooling.start in self.heating or self.heating.start in self.cooling:
            said, other = ("heating", "cooling") if "heating" in self.model_fields_set else ("cooling", "heating")
            given, span = (f"{season.start} to {season.end}" for season in (getattr(self, said), getattr(self, other)))
            raise located([Fault((said,), f"expected no day of the {other} season ({span})", given)])
        return self

    @cached_property
    def workdays(self) -> Workdays:
        """The calendar of the site."""
        return Workdays(frozenset(self.worked), frozenset(self.free))

    def exempt(self, rule: str) -> frozenset[str]:
        """Ids of the devices, meters and gateways that a rule does not hold for."""
        return frozenset(subject for each in self.exemptions if each.rule == rule for subject in each.subjects)
