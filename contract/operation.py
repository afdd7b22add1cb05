"""How a site is run: lifts and their windows, zones, hours, seasons, and the map under its cars."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from contract.workdays import Workdays

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
_DAY_OF_YEAR = r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class Strict(BaseModel):
    """A part of a site's files: unknown fields are refused, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Text(Strict):
    """A name in both languages of the product."""

    zh: str
    en: str


class Window(Strict):
    """When odd/even stopping holds, in local time."""

    days: Literal["workdays", "every_day"] = "workdays"
    start: Annotated[str, Field(pattern=r"^\d{2}:\d{2}$")]
    end: Annotated[str, Field(pattern=r"^\d{2}:\d{2}$")]


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


class Hours(Strict):
    """A span of a day in local time."""

    start: Annotated[str, Field(pattern=_CLOCK)]
    end: Annotated[str, Field(pattern=_CLOCK)]


class Season(Strict):
    """From a day of the year to another, both included; may run over New Year."""

    start: Annotated[str, Field(pattern=_DAY_OF_YEAR)]
    end: Annotated[str, Field(pattern=_DAY_OF_YEAR)]


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
    worked: list[date] = []
    """Days on which the site works whatever the official calendar says."""
    free: list[date] = []
    """Days on which it does not."""
    exemptions: list[Exemption] = []

    @cached_property
    def workdays(self) -> Workdays:
        """The calendar of the site."""
        return Workdays(frozenset(self.worked), frozenset(self.free))
