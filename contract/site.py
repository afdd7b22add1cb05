"""A site: compounds, units, gateways, buses, devices and meters; schema and loader of firmware_configs/sites."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract import topics, yamlfile
from contract.profile import FIRMWARE_CONFIGS, Profile, load_profile

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Text(_Strict):
    """A name in both languages of the product."""

    zh: str
    en: str


class Building(_Strict):
    """A house with its floors, numbered from 1 upwards."""

    id: Id
    name: Text
    floors: Annotated[int, Field(ge=1, le=32)]
    area: Annotated[float, Field(gt=0)]
    """Floor area in m2."""


class Compound(_Strict):
    """An office compound (办公区)."""

    id: Id
    name: Text
    buildings: list[Building]


class Unit(_Strict):
    """An institution with its people and its share of floor area."""

    id: Id
    name: Text
    compound: Id
    headcount: Annotated[int, Field(gt=0)]
    """用能人数: people who really work there."""
    area: Annotated[float, Field(gt=0)]
    """建筑面积 in m2."""


class Gateway(_Strict):
    """A computer that reads buses; its id is the Sparkplug edge node."""

    id: Id
    compound: Id | None = None


class Bus(_Strict):
    """A line that one driver instance owns: one request at a time."""

    id: Id
    gateway: Id
    protocol: Literal["modbus", "mqtt", "jt808"]
    framing: Literal["tcp", "rtu_over_tcp", "rtu"] = "tcp"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 502
    serial_port: str = ""
    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    guard_ms: Annotated[float, Field(ge=0)] = 5.0
    """Silence after an answer before the next request."""


class Vehicle(_Strict):
    """What an official car is, beside its terminal."""

    plate: str
    kind: Literal["sedan", "off_road", "minibus", "township", "law_enforcement"]
    fuel: Literal["petrol", "diesel"] = "petrol"
    unit: Id
    protocol_year: Literal[2013, 2019] = 2019


class Device(_Strict):
    """One device on a bus."""

    id: Id
    name: Text
    profile: str
    bus: Id
    unit_id: Annotated[int, Field(ge=0, le=247)] | None = None
    """Modbus unit id."""
    topic: str = ""
    """MQTT topic that the device publishes to."""
    phone: Annotated[str, Field(pattern=r"^\d{0,20}$")] = ""
    """JT/T 808 terminal phone number."""
    compound: Id | None = None
    building: Id | None = None
    floor: int | None = None
    interval: Annotated[float, Field(gt=0)] | None = None
    ct: Annotated[float, Field(gt=0)] = 1.0
    pt: Annotated[float, Field(gt=0)] = 1.0
    vehicle: Vehicle | None = None

    @property
    def model(self) -> Profile:
        """The device's profile."""
        return load_profile(self.profile)

    @property
    def poll_interval(self) -> float:
        """Seconds between two polls."""
        return self.interval or self.model.interval


class Meter(_Strict):
    """A counting place of the ledger; without a device it is fed by hand."""

    id: Id
    name: Text
    energy: str
    """`water` or a name of the factor table: electricity, natural_gas, petrol, diesel and so on."""
    device: Id | None = None
    point: str | None = None
    parent: Id | None = None
    main: bool = False
    """Counted in totals; sub-meters are not."""
    item: str = ""
    """Sub-item code such as 01C10."""
    compound: Id | None = None
    units: list[Id] = []
    vehicle_fuel: bool = False
    """Fuel of cars: in the total, not in the per-area indicator."""
    modulus: float | None = None


class Window(_Strict):
    """When odd/even stopping holds, in local time."""

    days: Literal["workdays", "every_day"] = "workdays"
    start: Annotated[str, Field(pattern=r"^\d{2}:\d{2}$")]
    end: Annotated[str, Field(pattern=r"^\d{2}:\d{2}$")]


class Car(_Strict):
    """One elevator car: its device and the floors it serves inside a window."""

    device: Id
    parity: Literal["odd", "even", "all"]
    served: list[int]


class ElevatorGroup(_Strict):
    """Cars under one group controller."""

    id: Id
    building: Id
    common_floors: list[int] = [1]
    cars: list[Car]
    windows: list[Window]


class Zone(_Strict):
    """A conditioned zone and the switch that runs it."""

    id: Id
    name: Text
    device: Id


class Site(_Strict):
    """Everything that is fixed about a site."""

    id: Id
    name: Text
    group: Id
    """District code; the Sparkplug group id."""
    latitude: float
    longitude: float
    compounds: list[Compound]
    units: list[Unit]
    gateways: list[Gateway]
    buses: list[Bus]
    devices: list[Device]
    meters: list[Meter] = []
    zones: list[Zone] = []
    elevator_groups: list[ElevatorGroup] = []

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

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        topics.check_id(self.group)
        known = {
            "compound": _ids("compounds", [c.id for c in self.compounds]),
            "building": _ids("buildings", [b.id for c in self.compounds for b in c.buildings]),
            "unit": _ids("units", [u.id for u in self.units]),
            "gateway": _ids("gateways", [g.id for g in self.gateways]),
            "bus": _ids("buses", [b.id for b in self.buses]),
            "device": _ids("devices", [d.id for d in self.devices]),
            "meter": _ids("meters", [m.id for m in self.meters]),
        }
        for what, owner, name in self._references():
            if name is not None and name not in known[what]:
                raise ValueError(f"{owner}: no {what} {name!r}")
        for meter in self.meters:
            if meter.device and meter.point not in self.device_by_id[meter.device].model.points:
                raise ValueError(f"meter {meter.id}: {meter.device} has no point {meter.point!r}")
        return self

    def _references(self) -> list[tuple[str, str, str | None]]:
        found: list[tuple[str, str, str | None]] = [("compound", f"unit {u.id}", u.compound) for u in self.units]
        found += [("gateway", f"bus {b.id}", b.gateway) for b in self.buses]
        for device in self.devices:
            owner = f"device {device.id}"
            found += [("bus", owner, device.bus), ("compound", owner, device.compound), ("building", owner, device.building)]
            found += [("unit", owner, device.vehicle.unit)] if device.vehicle else []
        for meter in self.meters:
            owner = f"meter {meter.id}"
            found += [("device", owner, meter.device), ("meter", owner, meter.parent), ("compound", owner, meter.compound)]
            found += [("unit", owner, unit) for unit in meter.units]
        for group in self.elevator_groups:
            found += [("building", f"elevator group {group.id}", group.building)]
            found += [("device", f"elevator group {group.id}", car.device) for car in group.cars]
        return found + [("device", f"zone {z.id}", z.device) for z in self.zones]


def _ids(what: str, names: list[str]) -> set[str]:
    twice = {n for n in names if names.count(n) > 1}
    if twice:
        raise ValueError(f"{what}: {min(twice)!r} stands twice")
    return set(names)


def shipped_site(name: str) -> Path:
    """The folder of a site that ships with the product."""
    return FIRMWARE_CONFIGS / "sites" / name


def load_site(folder: Path) -> Site:
    """The site in a folder: all its *.yaml together, each top-level field in one of them.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    if not folder.is_dir():
        raise yamlfile.ConfigError(f"{folder}: no such folder; expected a site with *.yaml files")
    merged: dict[str, object] = {}
    documents: dict[str, yamlfile.Document] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = yamlfile.Document(path)
        for key, value in document.data.items():
            if key in merged:
                raise yamlfile.ConfigError(document.fault([key], f"stands in {documents[key].path.name} too"))
            merged[key], documents[key] = value, document
    if not documents:
        raise yamlfile.ConfigError(f"{folder}: no *.yaml in it; expected a site")
    return yamlfile.validate(Site, merged, documents)
