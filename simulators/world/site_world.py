"""The whole site behind one interface: every point of every device at any time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from contract.operation import Car, ElevatorGroup, Window
from contract.point import POINTS, Kind
from contract.profile import Profile
from contract.site import Device, Site
from protocols.modbus.device.encoding import shown
from protocols.modbus.model import Point
from simulators.world import hvac, meters, rooms, states
from simulators.world.calendar import HOUR_MS, ZONE_MS
from simulators.world.elevators import Elevator
from simulators.world.hvac import Zone
from simulators.world.loads import Node
from simulators.world.meters import Meters
from simulators.world.vehicles import Vehicle
from simulators.world.written import Written

Source = Callable[[int], dict[str, float | None]]
_DEFAULT = {"battery": 3.6, "pressure": 0.3, "room_temperature": 22.0, "setpoint": 26.0, "voltage_a": 230.0, "frequency": 50.0}


class SiteWorld:
    """The simulated site: a function of (seed, time) and of what was written."""

    def __init__(self, site: Site, seed: int = 1, written: Written | None = None) -> None:
        """Lay out the site's devices."""
        self.site = site
        self.seed = seed
        self.written = written or Written()
        self.meters = Meters(site, seed)
        self.zones: dict[str, Zone] = {}
        self.elevators: dict[str, Elevator] = {}
        self.vehicles: dict[str, Vehicle] = {}
        self._sources: dict[str, Source] = {}
        self._profiles: dict[str, Profile] = {}
        for device in site.devices:
            self._profiles[device.id] = device.model
            self._sources[device.id] = self._source(device, device.model)

    def values(self, device_id: str, at_ms: int) -> dict[str, float | None]:
        """Every point of a device's profile at a time (ms since 1970), in the point's unit.

        Raises:
            KeyError: No such device.
        """
        computed = self._sources[device_id](at_ms)
        profile = self._profiles[device_id]
        return {point: computed[point] if point in computed else self._other(device_id, profile, point, at_ms) for point in profile.points}

    def warm(self, at_ms: int, devices: Iterable[str] | None = None) -> None:
        """Add up the years before `at_ms`, so that the first request of each device (all by default) is as quick as the others."""
        for device in self._sources if devices is None else devices:
            self.values(device, at_ms)

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """A value was written to a device, in the point's unit; it holds from `at_ms` on.

        Raises:
            KeyError: The device has no such point, or it cannot be written.
        """
        mapped = self._profiles[device_id].points[point]
        if not mapped.writable:
            raise KeyError(f"{device_id}: {point} cannot be written")
        self.written.add(device_id, point, value, at_ms)
        if device_id in self.zones:
            self.zones[device_id].forget()
        if device_id in self.elevators:
            self.elevators[device_id].forget(at_ms)

    def full_hours(self, device: str, energy: str, point: str, start_ms: int, count: int) -> list[float]:
        """A meter's counter at `count` full hours from `start_ms`: what a poll would have read at each, but fast."""
        first = (start_ms + ZONE_MS) // HOUR_MS
        counters = self.meters.node(device, energy).full_hours(np.arange(first, first + count, dtype=np.int64))
        placed = self.site.device_by_id[device]
        mapped = placed.model.points[point]
        if isinstance(mapped, Point):
            counters = shown(counters, mapped, point, placed.ct, placed.pt)
        return [float(value) for value in counters]

    def _other(self, device_id: str, profile: Profile, point: str, at_ms: int) -> float:
        """A point that no model computes: as written last, or a harmless value."""
        last = self.written.last(device_id, point, at_ms)
        if last:
            return last[1]
        if point == "report_interval":
            return self.site.device_by_id[device_id].poll_interval
        if POINTS[point].kind is Kind.STATE:
            return states.number(profile, point, "normal", "none", "ok", "off", "closed", "full")
        return _DEFAULT.get(point, 0.0)

    def _source(self, device: Device, profile: Profile) -> Source:
        """What computes a device's points, by its class."""
        makers: dict[str, Callable[[Device, Profile], Source]] = {
            "electricity": self._electricity,
            "water": self._water,
            "gas": self._gas,
            "hvac": self._zone,
            "elevator": self._car,
            "vehicle": self._vehicle,
        }
        kind = "vehicle" if device.vehicle else profile.device_class
        if kind in makers:
            return makers[kind](device, profile)
        if kind == "fresh_air":
            return partial(hvac.fresh_air, profile, device.id, self.seed, self.written)
        if kind.startswith("meeting"):
            return partial(rooms.values, profile, device.id, self.seed, self.written)
        return lambda _at: {}

    def _electricity(self, device: Device, _profile: Profile) -> Source:
        return partial(meters.electricity, self.meters.node(device.id, "electricity"), self.seed)

    def _water(self, device: Device, profile: Profile) -> Source:
        return partial(self._volume, device.id, self.meters.node(device.id, "water"), profile)

    def _gas(self, device: Device, profile: Profile) -> Source:
        return partial(self._volume, device.id, self.meters.node(device.id, "natural_gas"), profile)

    def _zone(self, device: Device, profile: Profile) -> Source:
        self.zones[device.id] = Zone(device.id, profile, self.seed, self.written)
        return self.zones[device.id].values

    def _car(self, device: Device, profile: Profile) -> Source:
        self.elevators[device.id] = self._elevator(device, profile)
        return self.elevators[device.id].values

    def _vehicle(self, device: Device, _profile: Profile) -> Source:
        self.vehicles[device.id] = Vehicle(device, self.site.latitude, self.site.longitude, self.seed)
        return self.vehicles[device.id].values

    def _volume(self, device_id: str, node: Node, profile: Profile, at_ms: int) -> dict[str, float | None]:
        valve = self.written.last(device_id, "valve", at_ms)
        open_valve = states.number(profile, "valve", "open", default=1.0)
        return {
            **meters.volume(node, at_ms),
            "pipe": states.number(profile, "pipe", "full"),
            "valve": valve[1] if valve else open_valve,
        }

    def _elevator(self, device: Device, profile: Profile) -> Elevator:
        floors = {b.id: b.floors for c in self.site.compounds for b in c.buildings}
        days = self.site.operation.workdays
        for group in self.site.elevator_groups:
            for car in group.cars:
                if car.device == device.id:
                    return Elevator(group, car, floors[group.building], profile, self.seed, self.written, days)
        alone = Car(device=device.id, parity="all", served=[])
        window = Window(start="08:00", end="18:00")
        building = device.building or ""
        group = ElevatorGroup(id=f"{device.id}-group", building=building, cars=[alone], windows=[window])
        return Elevator(group, alone, floors.get(building, 8), profile, self.seed, self.written, days)
