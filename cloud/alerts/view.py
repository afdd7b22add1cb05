"""All that conditions may look at, read at one moment in few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.devices import model
from cloud.devices.model import Device, Life, Reading
from cloud.devices.queries import events, nodes, readings, register
from cloud.devices.queries.clocks import open_row
from cloud.devices.queries.events import Noted, Rejected
from cloud.indicators.figures import targets_of
from cloud.indicators.model import Targets
from cloud.ledger import findings
from cloud.ledger.findings import Finding
from cloud.ledger.model import Meter
from cloud.ledger.periods import DAY_MS, local_date, local_time
from cloud.ledger.queries import meters
from cloud.ledger.queries.hours import Hourly, hourly
from contract import states
from contract.operation import Hours, Season
from contract.reading import Quality
from contract.site import Site

EVENTS_OF = 2 * DAY_MS
"""Events and rejected readings older than this are history."""
_STILL_WRONG = 15 * 60_000
"""Ms for which a clock counts as wrong after its last doubtful reading, and longer for devices that speak more rarely."""
_UNDATED = "outbox_undated"
"""The point that the view looks at itself: whether a gateway knows the time."""


class Newest(NamedTuple):
    """The newest good reading of a point."""

    value: float
    at: int


@dataclass
class View:
    """What is known at `now` (ms since 1970 in UTC)."""

    now: int
    site: Site
    devices: Mapping[str, Device] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    """When each device gave its newest good reading."""
    newest: Mapping[str, Mapping[str, Newest]] = field(default_factory=dict)
    """By device and point: newest readings that are good, however old; `last` looks them up."""
    nodes: Mapping[str, bool] = field(default_factory=dict)
    """Whether each gateway that was ever born is online."""
    strangers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Nodes that are online in a group that no site has, by group."""
    events: Sequence[Noted] = ()
    rejected: Mapping[str, Rejected] = field(default_factory=dict)
    meters: Mapping[str, Meter] = field(default_factory=dict)
    hourly: Callable[[Sequence[str], int, int], Hourly] = lambda _meters, _start, _end: {}
    """Asks the ledger; only rules that are looked at rarely do."""
    targets: Callable[[int], Targets | None] = lambda _year: None
    """The district's targets of a year."""
    findings: Callable[[], Sequence[Finding]] = tuple
    """Asks the ledger for its open questions."""
    cloud_clock: int = 0
    """The cloud's clock minus the time of its gateways, ms; 0 while it is right."""
    site_differs: bool = False
    """The site's files say something else than what was entered."""
    points: Collection[str] | None = None
    """Those that `newest` was read for; None for all."""
    _down: dict[str, bool] = field(default_factory=dict, init=False, repr=False)
    _waits: dict[str, bool] = field(default_factory=dict, init=False, repr=False)
    """Of gateways, once somebody asked: each of their devices does."""
    _classes: dict[frozenset[str], list[Device]] = field(default_factory=dict, init=False, repr=False)
    """The devices of some classes, once a rule asked: several rules watch the same."""

    @cached_property
    def works_today(self) -> bool:
        """Whether the site works on the day of `now`."""
        return local_date(self.now) in self.site.operation.workdays

    def within(self, hours: Hours) -> bool:
        """Whether it is a working day and a time of these hours."""
        return self.works_today and hours.start <= f"{local_time(self.now):%H:%M}" < hours.end

    def in_season(self, season: Season) -> bool:
        """Whether today lies in a season, its last day included."""
        return f"{local_date(self.now):%m-%d}" in season

    def of_class(self, classes: Sequence[str]) -> list[Device]:
        """The devices of some classes."""
        wanted = frozenset(classes)
        if wanted not in self._classes:
            self._classes[wanted] = [device for device in self.devices.values() if device.device_class in wanted]
        return self._classes[wanted]

    def last(self, device: Device, point: str) -> Newest | None:
        """The newest good reading, however old.

        Raises:
            LookupError: The view was not read for this point.
        """
        if self.points is not None and point not in self.points:
            raise LookupError(f"{point} was not read; the condition must name it in `reads`")
        return self.newest.get(device.id, {}).get(point)

    def good(self, device: Device, point: str) -> Newest | None:
        """A good reading that still says something of now."""
        found = self.last(device, point)
        return found if found is not None and device.life.is_fresh(found.at, self.now) else None

    def state(self, device: Device, point: str) -> str | None:
        """The name of a state that still says something of now; None where it is not known, or its number has no name."""
        found = self.good(device, point)
        return None if found is None else states.meaning(device.profile, point, found.value)

    def silence(self, device: str) -> int | None:
        """Ms since a device's newest good reading; None if there never was one."""
        seen = self.seen.get(device)
        return None if seen is None else max(self.now - seen, 0)

    def gateway_down(self, gateway: str) -> bool:
        """Whether a gateway's session is over or never was, or one of ours told nothing of itself for longer than it may.

        A foreign node need not say anything while nothing changes; ingest asks it whether it lives.
        """
        if gateway not in self._down:
            self._down[gateway] = self._is_down(gateway)
        return self._down[gateway]

    def _is_down(self, gateway: str) -> bool:
        silence, own = self.silence(gateway), self.devices.get(gateway)
        speaks = any(gateway == ours.id for ours in self.site.gateways)
        too_long = speaks and own is not None and silence is not None and silence > own.life.longest_silence
        return not self.nodes.get(gateway, False) or (too_long and own is not None and not self._wrong_clock(gateway, own.life))

    def undated(self, gateway: str) -> float | None:
        """How many rows of a gateway wait for its clock; None if it does not say."""
        own = self.devices.get(gateway)
        found = None if own is None else self.good(own, _UNDATED)
        return None if found is None else found.value

    def clock_fault(self, device: Device) -> bool:
        """Whether a device is silent because its clock, or its gateway's, is wrong or not known."""
        if device.gateway not in self._waits:
            self._waits[device.gateway] = bool(self.undated(device.gateway))
        faults = bool(self._clock_faults)
        wrong = faults and (self._wrong_clock(device.id, device.life) or self._wrong_clock(device.gateway, device.life))
        return wrong or self._waits[device.gateway]

    def _wrong_clock(self, source: str, life: Life) -> bool:
        """Whether a source's last readings came from a clock that is not believed: they say that it is not silent."""
        told = self._clock_faults.get(source)
        return told is not None and self.now - told <= max(life.longest_silence, _STILL_WRONG)

    @cached_property
    def _clock_faults(self) -> dict[str, int]:
        """When readings of a wrong clock came last, by source."""
        return {event.subject: event.at for event in self.events if event.kind == "clock_fault"}

    def name_of(self, subject: str) -> dict[str, str]:
        """What people call a device, meter or gateway; its id where it has no name."""
        known = self.meters.get(subject) or self.devices.get(subject)
        return known.name if known else {"zh": subject, "en": subject}


def load(engine: sa.Engine, site: Site, now: int, points: Collection[str] | None = None) -> View:
    """The view at a moment; few queries, however many devices there are.

    Args:
        engine: The database.
        site: Whose devices they are.
        now: ms since 1970 in UTC.
        points: Whose newest readings are asked for; all without it, which takes long where there are thousands of devices.
    """
    group, wanted = site.group, None if points is None else {*points, _UNDATED}
    with engine.connect() as connection:
        devices = {device.id: device for device in register.devices(connection, group)}
        seen, newest = readings.seen(connection, group), _by_device(readings.good(connection, group, wanted))
        online, strangers = nodes.online(connection, group), nodes.strangers(connection, group)
        known = {meter.id: meter for meter in meters.meters(connection, group, retired=False)}
        own = open_row(connection)
        noted, rejected = events.noted(connection, group, now - EVENTS_OF), events.rejected(connection, group, now - EVENTS_OF)
    return View(
        now=now,
        site=site,
        devices=devices,
        seen=seen,
        newest=newest,
        points=wanted,
        nodes={gateway.id: False for gateway in site.gateways} | online,
        strangers=strangers,
        cloud_clock=0 if own is None else own.offset,
        events=noted,
        rejected=rejected,
        meters=known,
        hourly=lambda of, start, end: _hourly(engine, group, of, start, end),
        targets=lambda year: targets_of(engine, group, year, "district", now),
        findings=lambda: _findings(engine, group, now),
    )


def _findings(engine: sa.Engine, group: str, now: int) -> list[Finding]:
    with engine.connect() as connection:
        return [one for one in findings.listed(connection, group, now) if one.state == "open"]


def of_rows(site: Site, now: int, devices: Iterable[Device], newest: Mapping[str, Mapping[str, Reading]]) -> View:
    """What rules see of some devices and their newest readings, by device and point, and of nothing else.

    Args:
        site: Whose devices they are.
        now: ms since 1970 in UTC.
        devices: Which.
        newest: Their readings.
    """
    return View(
        now=now,
        site=site,
        devices={device.id: device for device in devices},
        seen={device: at for device, points in newest.items() if (at := model.seen(points.values())) is not None},
        newest={device: _good(points.values()) for device, points in newest.items()},
    )


def _good(found: Iterable[Reading]) -> dict[str, Newest]:
    good = int(Quality.GOOD)
    return {one.point: Newest(one.value, one.at) for one in found if one.quality == good and one.value is not None}


def _by_device(rows: Iterable[Any]) -> dict[str, dict[str, Newest]]:
    found: defaultdict[str, dict[str, Newest]] = defaultdict(dict)
    for device, point, value, at in rows:
        found[device][point] = Newest(value, at)
    return found


def _hourly(engine: sa.Engine, group: str, of: Sequence[str], start: int, end: int) -> Hourly:
    with engine.connect() as connection:
        return hourly(connection, group, of, start, end)
