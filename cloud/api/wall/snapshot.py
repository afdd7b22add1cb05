"""The wall's snapshot: put together once for all who look at it, its expensive parts less often."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Request

from cloud.alerts import service
from cloud.api import alerts, figures
from cloud.api.context import Context, Here
from cloud.api.schemas import Alert
from cloud.api.wall import days, plant
from cloud.api.wall.newest import Newest, newest
from cloud.api.wall.schemas import AlertCounts, Pace, Snapshot
from cloud.devices.model import VEHICLE
from cloud.indicators import export
from cloud.indicators.model import Indicator, Targets
from cloud.indicators.scopes import DISTRICT
from cloud.ledger.periods import floor, local_date
from contract.clock import iso

PERIOD = 2.0
"""Seconds between two snapshots; more often would only cost the screen's small computer."""
SLOWLY = 30.0
"""Seconds for which targets and curves are kept: they rest on complete days and hours."""
ALERTS = 40
"""Alerts of the wall, and as many more of what it shows; it has room for a few."""
T = TypeVar("T")


@dataclass
class _Kept(Generic[T]):
    """A value that is made anew when it is too old, or when what it was made for is another."""

    seconds: float
    made_for: object = None
    value: T | None = None
    at: float = float("-inf")

    def get(self, key: object, make: Callable[[], T]) -> T:
        """The value for a key."""
        if self.value is None or key != self.made_for or time.monotonic() - self.at >= self.seconds:
            self.value, self.made_for, self.at = make(), key, time.monotonic()
        return self.value


class Wall:
    """Snapshots of a district. Any thread may ask; only one makes them, and the others get the same."""

    def __init__(self, context: Context, period: float = PERIOD, slowly: float = SLOWLY) -> None:
        """Nothing is asked yet.

        Args:
            context: The stores and the clock.
            period: Seconds for which a snapshot is kept.
            slowly: Seconds for which targets and curves are kept.
        """
        self.period = period
        self._context = context
        self._lock = threading.Lock()
        self._snapshot: _Kept[Snapshot] = _Kept(period * 0.9)
        self._targets: _Kept[Targets] = _Kept(slowly)
        self._days: _Kept[days.Days] = _Kept(slowly)
        self._alerts: _Kept[tuple[list[Alert], AlertCounts]] = _Kept(slowly)
        self._map = plant.site_map(context.site)

    def snapshot(self) -> Snapshot:
        """What the wall shows now.

        Raises:
            sqlalchemy.exc.OperationalError: The database cannot be asked.
        """
        with self._lock:
            return self._snapshot.get(None, self._make)

    def _make(self) -> Snapshot:
        context, site = self._context, self._context.site
        with context.engine.connect() as connection:
            found = newest(context, connection)
            hours = self._days.get(floor(found.now, "hour"), lambda: days.days(connection, context.group, found.now))
        today = local_date(found.now)
        targets = self._targets.get(today, lambda: figures.targets(context, today.year, DISTRICT))
        shown, counts = self._alerts.get(service.version(context.engine), lambda: self._asked(found))
        return Snapshot(
            now=iso(found.now),
            site=plant.text(site.name),
            data=found.data(),
            targets=targets,
            pace=[_pace(indicator) for indicator in targets.indicators],
            load=days.load(hours, found),
            water=days.water(hours),
            zones=plant.zones(site, found, context.rules.values()),
            lifts=plant.lifts(site, found),
            vehicles=plant.vehicles(site, found),
            alerts=shown,
            alert_counts=counts,
            map=self._map,
        )

    def _asked(self, found: Newest) -> tuple[list[Alert], AlertCounts]:
        """The worst alerts with what is open of the zones and cars that are shown, and how many there are."""
        context, zones = self._context, self._context.site.zones
        cars = [row.id for row in found.of_class(VEHICLE)]
        shown = [*(zone.id for zone in zones), *(zone.device for zone in zones), *cars]
        return alerts.worst(context, ALERTS, shown), AlertCounts(**alerts.counts(context))


def _pace(indicator: Indicator) -> Pace:
    way = export.pace(indicator)
    return Pace(id=indicator.id, expected=way.expected, gap=way.gap)


class Walls:
    """The wall of each district, made when somebody asks for it first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._walls: dict[str, Wall] = {}

    def of(self, here: Context) -> Wall:
        """The wall of a district."""
        with self._lock:
            if here.group not in self._walls:
                self._walls[here.group] = Wall(here)
            return self._walls[here.group]


def _of(request: Request, here: Here) -> Wall:
    walls: Walls = request.app.state.walls
    return walls.of(here)


TheWall = Annotated[Wall, Depends(_of)]
"""A route's parameter that holds the wall of the district that a request is about."""
