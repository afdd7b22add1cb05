"""A site: compounds, units, gateways, buses, devices and meters; schema and loader of firmware_configs/sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contract import topics, yamlfile
from contract.addressing import address, overheard
from contract.countable import uncountable
from contract.host import Host
from contract.institution import Area, Unit, undated
from contract.jt808.limits import TerminalLimits
from contract.jt808.phone import PHONE_PATTERN
from contract.lines import LineSettings, misuses
from contract.meter import Meter
from contract.metering import miscounted, misdated, unread
from contract.operation import ElevatorGroup, Id, Latitude, Longitude, Map, Operation, Text, Zone
from contract.profile import FIRMWARE_CONFIGS, Fault, Interval, Place, Profile, load_profile, located
from contract.wiring import misplaced, miswired
from contract.yamlfile import Strict, nearest


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


class Bus(LineSettings):
    """A line that one driver instance owns: one request at a time."""

    id: Id
    gateway: Id
    protocol: Literal["modbus", "mqtt", "jt808"]
    framing: Literal["tcp", "rtu_over_tcp", "rtu"] = "tcp"
    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 502
    serial_port: str = ""
    baud: Annotated[int, Field(gt=0)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    terminals: TerminalLimits = TerminalLimits()
    """What the terminals of a JT/T 808 bus may take of the gateway."""


Ratio = Annotated[float, Field(ge=1e-6, le=1e6)]
"""Of transformers: beyond any that is built, and within what the ledger's numbers can show."""


class Vehicle(Strict):
    """What an official car is, beside its terminal."""

    plate: str
    kind: Literal["sedan", "off_road", "minibus", "township", "law_enforcement"]
    fuel: Literal["petrol", "diesel"] = "petrol"
    unit: Id
    protocol_year: Literal[2013, 2019] = 2019


class Device(Strict):
    """One device on a bus."""

    id: Id
    name: Text
    profile: str
    bus: Id
    unit_id: Annotated[int, Field(ge=0, le=255)] | None = None
    """Modbus unit id; on tcp 0 and 255 mean the device that was connected to, whatever it calls itself."""
    topic: str = ""
    """MQTT topic that the device publishes to; with + and # where its messages name it (`identity` in its profile)."""
    key: str = ""
    """What stands in this device's messages where its profile's `identity` points."""
    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] = ""
    """The identity that a JT/T 808 terminal sends: up to 20 digits, which may be hexadecimal; zeros in front do not count."""
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


class Site(Strict):
    """Everything that is fixed about a site."""

    id: Id
    name: Text
    group: Id
    """District code; the Sparkplug group id."""
    latitude: Latitude
    longitude: Longitude
    compounds: list[Compound]
    units: list[Unit]
    gateways: list[Gateway]
    buses: list[Bus]
    devices: list[Device]
    meters: list[Meter] = []
    zones: list[Zone] = []
    elevator_groups: list[ElevatorGroup] = []
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

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        topics.check_id(self.group)
        known: dict[str, list[tuple[Place, str]]] = {
            "compound": [(("compounds", i), c.id) for i, c in enumerate(self.compounds)],
            "building": [(("compounds", i, "buildings", j), b.id) for i, c in enumerate(self.compounds) for j, b in enumerate(c.buildings)],
            "unit": [(("units", i), u.id) for i, u in enumerate(self.units)],
            "gateway": [(("gateways", i), g.id) for i, g in enumerate(self.gateways)],
            "bus": [(("buses", i), b.id) for i, b in enumerate(self.buses)],
            "device": [(("devices", i), d.id) for i, d in enumerate(self.devices)],
            "meter": [(("meters", i), m.id) for i, m in enumerate(self.meters)],
            "zone": [(("zones", i), z.id) for i, z in enumerate(self.zones)],
            "elevator group": [(("elevator_groups", i), g.id) for i, g in enumerate(self.elevator_groups)],
        }
        faults = [fault for what, ids in known.items() for fault in _twice(what, ids)]
        names = {what: {name for _, name in ids} for what, ids in known.items()}
        faults += [
            Fault(place, f"expected the id of a {what}, got {name!r}{nearest(name, names[what])}", name)
            for what, place, name in self._references()
            if name is not None and name not in names[what]
        ]
        faults += _renamed("unit", "units", [(unit.id, unit.was) for unit in self.units])
        faults += _renamed("meter", "meters", [(meter.id, meter.was) for meter in self.meters])
        faults += undated(self.units)
        if faults:
            raise located(faults)
        return self

    def _references(self) -> Iterator[tuple[str, Place, str | None]]:
        """What is named, in which field, by which id."""
        for i, unit in enumerate(self.units):
            yield "compound", ("units", i, "compound"), unit.compound
        for i, gateway in enumerate(self.gateways):
            yield "compound", ("gateways", i, "compound"), gateway.compound
        for i, bus in enumerate(self.buses):
            yield "gateway", ("buses", i, "gateway"), bus.gateway
        for i, device in enumerate(self.devices):
            yield "bus", ("devices", i, "bus"), device.bus
            yield "compound", ("devices", i, "compound"), device.compound
            yield "building", ("devices", i, "building"), device.building
            if device.vehicle:
                yield "unit", ("devices", i, "vehicle", "unit"), device.vehicle.unit
        yield from self._uses()

    def _uses(self) -> Iterator[tuple[str, Place, str | None]]:
        """The same for what is made of devices: meters, elevator groups and zones."""
        for i, meter in enumerate(self.meters):
            yield "device", ("meters", i, "device"), meter.device
            yield "meter", ("meters", i, "parent"), meter.parent
            yield "compound", ("meters", i, "compound"), meter.compound
            for j, served in enumerate(meter.units):
                yield "unit", ("meters", i, "units", j), served
        for i, group in enumerate(self.elevator_groups):
            yield "building", ("elevator_groups", i, "building"), group.building
            for j, car in enumerate(group.cars):
                yield "device", ("elevator_groups", i, "cars", j, "device"), car.device
        for i, zone in enumerate(self.zones):
            yield "device", ("zones", i, "device"), zone.device


class _Wired(Site):
    """A site from files: every profile loads and every device can be reached. A site built in a program may leave that open."""

    @model_validator(mode="after")
    def _wiring_holds(self) -> Self:
        unloadable = list(_unloadable(self))
        faults = unloadable or [
            *_unreachable(self),
            *misuses(self),
            *unread(self),
            *miscounted(self),
            *misdated(self),
            *uncountable(self),
            *miswired(self),
            *misplaced(self),
        ]
        if faults:
            raise located(faults)
        return self


def _twice(what: str, ids: Sequence[tuple[Place, str]]) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, name in ids:
        if name in seen:
            yield Fault((*place, "id"), f"stands twice; expected an id that no other {what} has", name)
        seen.add(name)


def _renamed(what: str, field: str, ids: Sequence[tuple[str, str | None]]) -> Iterator[Fault]:
    """Former ids that are still in use, or that two claim."""
    known, former = {name for name, _ in ids}, set[str]()
    for i, (_, was) in enumerate(ids):
        if was in known:
            yield Fault((field, i, "was"), f"expected an id that no {what} has now", was)
        elif was in former:
            yield Fault((field, i, "was"), f"expected an id that no other {what} had", was)
        if was is not None:
            former.add(was)


def _unloadable(site: Site) -> Iterator[Fault]:
    """Each fault of a profile once, at the first device that has it."""
    first = {device.profile: i for i, device in reversed(list(enumerate(site.devices)))}
    for name, i in sorted(first.items(), key=lambda item: item[1]):
        try:
            load_profile(name)
        except yamlfile.ConfigError as error:
            for line in str(error).splitlines():
                yield Fault(("devices", i, "profile"), f"expected a profile that loads ({line})", name)


def _unreachable(site: Site) -> Iterator[Fault]:
    """Devices on a bus of another protocol, without an address, or with the address of another."""
    taken: dict[tuple[str, int | str | None], tuple[str, int | str | None]] = {}
    for i, device in enumerate(site.devices):
        bus = site.bus_by_id[device.bus]
        if device.model.protocol != bus.protocol:
            yield Fault(("devices", i, "bus"), f"expected a bus of {device.model.protocol}; this one speaks {bus.protocol}", bus.id)
            continue
        found = address(bus, device)
        place = ("devices", i, found.field)
        other, theirs = taken.setdefault((bus.id, found.meaning), (device.id, found.given))
        if found.meaning is None:
            yield Fault(place, f"expected a {found.field}, since {bus.id} speaks {bus.protocol}", found.given)
        elif found.fault:
            yield Fault(place, found.fault, found.given)
        elif other != device.id:
            yield Fault(place, f"expected a {found.field} that no other device of {bus.id} has; {other} has {theirs!r}", found.given)
    for i, field, twice in overheard(site):
        device = site.devices[i]
        yield Fault(
            ("devices", i, field), f"expected a {field} that no other device of {device.bus} has; {twice} takes it", getattr(device, field)
        )


def shipped_site(name: str) -> Path:
    """The folder of a site that ships with the product."""
    return FIRMWARE_CONFIGS / "sites" / name


def shipped_sites() -> list[str]:
    """Names of the sites that ship with the product."""
    return sorted(p.name for p in (FIRMWARE_CONFIGS / "sites").iterdir() if p.is_dir())


def site_documents(folder: Path) -> dict[str, yamlfile.Document]:
    """The *.yaml of a site's folder by the top-level fields that stand in them.

    Raises:
        ConfigError: There are none, one is no YAML, a field stands in two, or a file is called as if it were one of them.
    """
    if not folder.is_dir():
        raise yamlfile.ConfigError(f"{folder}: no such folder; expected a site with *.yaml files")
    ignored = [path for path in sorted(folder.iterdir()) if _overlooked(path)]
    if ignored:
        raise yamlfile.ConfigError("\n".join(f"{path}: expected a name that ends with .yaml; no other file is read" for path in ignored))
    documents: dict[str, yamlfile.Document] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = yamlfile.Document(path)
        for key in document.data:
            if key in documents:
                raise yamlfile.ConfigError(document.fault([key], f"stands in {documents[key].path.name} too"))
            documents[key] = document
    if not documents:
        raise yamlfile.ConfigError(f"{folder}: no *.yaml in it; expected a site")
    return documents


def _overlooked(path: Path) -> bool:
    """Whether a file would not be read though it looks like a part of a site; a schema that an editor wants beside it does not."""
    alike = path.suffix.lower() in {".yaml", ".yml", ".json"} and not path.name.endswith(".schema.json")
    return alike and path.suffix != ".yaml" and path.is_file()


def load_site(folder: Path) -> Site:
    """The site in a folder: all its *.yaml together, each top-level field in one of them.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    documents = site_documents(folder)
    return yamlfile.validate(_Wired, {key: document.data[key] for key, document in documents.items()}, documents)
