"""What the wall's route answers, field by field.

Names are in both languages (`{"zh", "en"}`), times RFC 3339 in UTC. What is not known is null, never 0, and what is older
than three of its device's intervals says since when (`since`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from cloud.alerts.ruleset import Severity
from cloud.api.schemas import Alert
from cloud.indicators.model import Targets

Name = dict[str, str]
VehicleState = Literal["moving", "idling", "parked", "offline"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(_Shape):
    """A value as it may be shown now.

    `value` is null if it was never read or its newest reading is not good; `since` is then the time of the last good one
    (null: there never was one). A value that is too old stays, with its time in `since`; of a current one `since` is null.
    """

    value: float | None
    since: str | None


class Pace(_Shape):
    """How far along a target is: what may have been used up to the end of `actual`, in the indicator's unit.

    `expected` is the baseline of the same span times (1 + target_change); `gap` is actual / expected less 1, negative when
    less was used than that. Both are null where there is no target.
    """

    id: str
    expected: float | None
    gap: float | None


class Hour(_Shape):
    """What was used in an hour that is over: kWh (so kW on average) or m3."""

    start: str
    value: float


class Day(_Shape):
    """The main meters of one energy today, by complete hours, and the same day last year.

    `value` sums the hours from midnight to `until`, `last_year` the same hours a year before, `change` compares the two. An
    hour that a main meter lacks is absent, and a sum over it is null: a part would look like less used. `measured` is the
    share of `value` that devices measured.
    """

    unit: str
    hours: list[Hour]
    last_year_hours: list[Hour]
    until: str
    value: float | None
    last_year: float | None
    change: float | None
    measured: float | None


class Load(Day):
    """Electricity: also what is drawn now (kW, all main meters), and the change of the hour before `until` to that of last year."""

    now: Shown
    hour_change: float | None


class Water(Day):
    """Water: also the least used in an hour (m3) from midnight to 05:00, as far as they are over, here and last year."""

    night: float | None
    last_year_night: float | None


class Zone(_Shape):
    """A conditioned zone. States have the profile's names, or their number where it has none; null where there is no such point.

    What is judged goes by the name alone: `running` and `faulty` are null where `on` or `fault` is not known or has no name.
    `beyond`: how much it matters that the set-point breaks the limit of a rule now; null where it does not.
    """

    id: str
    name: Name
    device: str
    room_temperature: Shown
    setpoint: Shown
    beyond: Severity | None
    on: Shown
    running: bool | None
    mode: str | None
    fan: str | None
    fault: str | None
    """`none`, or what is wrong; null where the switch does not tell."""
    faulty: bool | None


class Car(_Shape):
    """An elevator car; `parity` is what its controller does now, `planned` what the site's file asks for in a window.

    `faulty` and `special` (a mode other than normal) are null where `fault` or `mode` is not known or has no name.
    """

    id: str
    name: Name
    floor: Shown
    direction: str | None
    door: str | None
    mode: str | None
    special: bool | None
    fault: str | None
    faulty: bool | None
    parity: str | None
    planned: Literal["odd", "even", "all"]


class Lifts(_Shape):
    """The cars of a group; `window`: whether odd/even stopping is planned for now, `until`/`next`: HH:MM when that changes today."""

    id: str
    name: Name
    floors: int
    window: bool
    until: str | None
    next: str | None
    cars: list[Car]


class Vehicle(_Shape):
    """A car on the map; `at` is given when it is offline."""

    id: str
    name: Name
    plate: str
    state: VehicleState
    latitude: float | None
    longitude: float | None
    course: float | None
    speed: float | None
    at: str | None


class Place(_Shape):
    """A point of the map."""

    name: Name
    latitude: float
    longitude: float


class Map(_Shape):
    """What lies under the vehicles; roads are lines of (latitude, longitude), WGS-84."""

    latitude: float
    longitude: float
    compounds: list[Place]
    landmarks: list[Place]
    roads: list[list[tuple[float, float]]]


class Data(_Shape):
    """How fresh everything is: time of the newest good reading, and devices heard of lately."""

    at: str | None
    devices: int
    online: int
    silent: list[str]
    """The first few that are not, by id."""


class AlertCounts(_Shape):
    """How many alerts are open: in all, not acknowledged, and inhibited by another."""

    open: int
    firing: int
    inhibited: int


class Snapshot(_Shape):
    """All that the wall shows at a moment."""

    now: str
    site: Name
    data: Data
    targets: Targets
    pace: list[Pace]
    load: Load
    water: Water
    zones: list[Zone]
    lifts: list[Lifts]
    vehicles: list[Vehicle]
    alerts: list[Alert]
    """The worst, and those of the zones and cars that are shown."""
    alert_counts: AlertCounts
    map: Map
