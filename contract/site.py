"""A site: compounds, units, gateways, buses, devices, meters and schedules; schema and loader of firmware_configs/sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from contract import topics, yamlfile
from contract.addressing import Address, End, Unlike, misused, unreachable
from contract.countable import uncountable
from contract.fault import Fault, located
from contract.institution import Area, Institution, misstated, undated
from contract.meter import Meter
from contract.metering import miscounted, misdated, unread
from contract.operation import ElevatorGroup, Id, Latitude, Longitude, Map, Operation, Text, Zone
from contract.profile import Interval, Profile, load_profile
from contract.protocol import OfBus, Spoken, packages
from contract.references import dangling, doubled, renamed
from contract.schedule import Schedule
from contract.scheduled_points import misscheduled
from contract.sitefolder import site_documents
from contract.wiring import misplaced, miswired
from contract.yamlfile import Strict


class Building(Strict):
    """A house with its floors, numbered from 1 upwards."""

    id: Id
    name: Text
    floors: Annotated[int, Field(ge=1, le=32)]
    area: Area
    """Floor area in m2."""


class Compound(Strict):
    """An office compound (办公区)."""

    id: Id
    name: Text
    buildings: list[Building]
    latitude: Latitude | None = None
    longitude: Longitude | None = None


class Gateway(Strict):
    """A computer that reads buses; its id is the Sparkplug edge node."""

    id: Id
    compound: Id | None = None


class Bus(Spoken):
    """A line that one driver instance owns; each protocol has a model of its own with the settings that it needs."""

    part = "Bus"
    places: ClassVar[frozenset[str]] = frozenset()
    """Fields that say where it ends."""
    local: ClassVar[frozenset[str]] = frozenset()
    """Fields that a gateway's own file may say otherwise: what only whoever stands before it knows."""

    takes_turns: ClassVar[bool] = False
    """Whether its driver leaves a serial port to others between two requests, so that several protocols may be spoken there."""

    id: Id
    gateway: Id
    protocol: str

    @property
    def own_port(self) -> bool:
        """Whether it is a serial port of the gateway itself, which the gateway sets."""
        return False

    @property
    def serial_line(self) -> bool:
        """Whether its devices hang on a serial line, of the gateway or of a server."""
        return False

    @property
    def broker(self) -> str | None:
        """Host of the MQTT broker that the gateway is a client of on this bus; None where there is none."""
        return None

    def about(self) -> str:
        """What a person wants to know of it beside its id."""
        return self.protocol

    def end(self) -> End | None:
        """Where it ends; None where there is room for many."""
        return None

    def unplaced(self) -> str:
        """What the file must say of where it ends, and does not; empty where it does."""
        return ""

    def misuses(self) -> Iterator[tuple[str, str]]:
        """(field, what was expected) of settings that do not go together."""
        yield from ()

    def mistaken(self, devices: Sequence[Device]) -> Iterator[tuple[Device, str, str]]:
        """(device, its field, the other's id) of devices of this bus that could be taken for each other though their addresses differ."""
        del devices
        yield from ()

    def unlike(self, devices: Sequence[Device]) -> Iterator[Unlike]:
        """Serial settings that differ from a device's profile."""
        del devices
        yield from ()

    def shared_out(self, devices: Sequence[Device]) -> dict[str, Sequence[Device]]:
        """Which of its devices share a connection, by a name for it."""
        return {self.id: devices}


Ratio = Annotated[float, Field(ge=1e-6, le=1e6)]
"""Of transformers: beyond any that is built, and within what the ledger's numbers can show."""


class Vehicle(Strict):
    """What an official car is, beside its terminal."""

    plate: str
    kind: Literal["sedan", "off_road", "minibus", "township", "law_enforcement"]
    fuel: Literal["petrol", "diesel"] = "petrol"
    unit: Id
    protocol_year: Literal[2013, 2019] = 2019


class Device(Spoken):
    """One device on a bus; the model of the bus's protocol has the address by which it is found."""

    part = "Device"

    id: Id
    name: Text
    profile: str
    bus: Id
    compound: Id | None = None
    building: Id | None = None
    floor: int | None = None
    interval: Interval | None = None
    ct: Ratio = 1.0
    pt: Ratio = 1.0
    vehicle: Vehicle | None = None

    @property
    def model(self) -> Profile:
        """The device's profile."""
        return load_profile(self.profile)

    @property
    def poll_interval(self) -> float:
        """Seconds between two polls."""
        return self.interval or self.model.interval

    def address(self, bus: Bus) -> Address:
        """The address that the bus's protocol goes by; its id, where the protocol has no other."""
        del bus
        return Address("id", self.id, self.id)

    def misuses(self, bus: Bus) -> Iterator[tuple[str, str]]:
        """(field, what was expected) of what its bus does not know."""
        del bus
        yield from ()

    def topics(self) -> list[str]:
        """MQTT topics that it publishes to, of a bus with a broker."""
        return []

    def command_topics(self) -> list[str]:
        """MQTT topics at which it takes commands, of a bus with a broker."""
        return []

    def publishes(self) -> bool:
        """Whether it is a client of that broker by itself."""
        return False


class Site(Strict):
    """Everything that is fixed about a site."""

    id: Id
    name: Text
    group: Id
    """District code; the Sparkplug group id."""
    latitude: Latitude
    longitude: Longitude
    compounds: list[Compound]
    units: list[Institution]
    gateways: list[Gateway]
    buses: list[SerializeAsAny[Bus]]
    devices: list[SerializeAsAny[Device]]
    meters: list[Meter] = []
    zones: list[Zone] = []
    elevator_groups: list[ElevatorGroup] = []
    schedules: list[Schedule] = []
    map: Map = Map()
    operation: Operation = Operation()

    @cached_property
    def device_by_id(self) -> dict[str, Device]:
        """Devices by id."""
        return {d.id: d for d in self.devices}

    @cached_property
    def bus_by_id(self) -> dict[str, Bus]:
        """Buses by id."""
        return {b.id: b for b in self.buses}

    def gateway_devices(self, gateway: str) -> list[Device]:
        """The devices that a gateway speaks for, in the order of the file."""
        return [d for d in self.devices if self.bus_by_id[d.bus].gateway == gateway]

    def rollover(self, meter: Meter) -> float | None:
        """Where a meter's counter starts again at 0: as the site says, else as the profile does."""
        if meter.modulus is not None or meter.device is None or meter.point is None:
            return meter.modulus
        return self.device_by_id[meter.device].model.points[meter.point].modulus

    @model_validator(mode="before")
    @classmethod
    def _devices_speak(cls, given: Any) -> Any:  # noqa: ANN401 (YAML is anything)
        """Each device is of the protocol of its bus."""
        if not isinstance(given, dict) or not isinstance(given.get("devices"), list):
            return given
        buses = given.get("buses")
        spoken = dict(_spoken(bus) for bus in (buses if isinstance(buses, list) else ()))
        of_bus = [OfBus(d, spoken.get(str(d.get("bus")))) if isinstance(d, dict) else d for d in given["devices"]]
        return given | {"devices": of_bus}

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        topics.check_id(self.group)
        faults = [*doubled(self), *dangling(self), *renamed(self), *undated(self.units), *misstated(self.units)]
        if faults:
            raise located(faults)
        return self


class _Wired(Site):
    """A site from files: every profile loads and every device can be reached. A site built in a program may leave that open."""

    @model_validator(mode="after")
    def _wiring_holds(self) -> Self:
        unloadable = list(_unloadable(self))
        faults = unloadable or [
            *unreachable(self),
            *misused(self),
            *unread(self),
            *miscounted(self),
            *misdated(self),
            *uncountable(self),
            *miswired(self),
            *misplaced(self),
            *misscheduled(self),
        ]
        if faults:
            raise located(faults)
        return self


def _unloadable(site: Site) -> Iterator[Fault]:
    """Each fault of a profile once, at the first device that has it."""
    first = {device.profile: i for i, device in reversed(list(enumerate(site.devices)))}
    for name, i in sorted(first.items(), key=lambda item: item[1]):
        try:
            load_profile(name)
        except yamlfile.ConfigError as error:
            for line in str(error).splitlines():
                yield Fault(("devices", i, "profile"), f"expected a profile that loads ({line})", name)


def _spoken(bus: object) -> tuple[str, object]:
    """A bus's id and protocol, of one that was checked or not."""
    if isinstance(bus, Bus):
        return bus.id, bus.protocol
    return (str(bus.get("id")), bus.get("protocol")) if isinstance(bus, dict) else ("", None)


def load_site(folder: Path) -> Site:
    """The site in a folder: all its *.yaml together, each top-level field in one of them.

    Raises:
        ConfigError: With file, line, field and what was expected.
        ValueError: No protocol is installed, or two of one name.
    """
    packages()
    documents = site_documents(folder)
    return yamlfile.validate(_Wired, {key: document.data[key] for key, document in documents.items()}, documents)
