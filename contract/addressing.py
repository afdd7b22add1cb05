"""Where a bus ends, and where a device is found on it: two ways to write one place are one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from contract.fault import Fault

if TYPE_CHECKING:
    from contract.site import Bus, Device, Site


class Address(NamedTuple):
    """Where a device is found on its bus.

    Attributes:
        field: Of the device in the site file.
        given: As it stands there.
        meaning: What no other device of the bus may have; None where nothing stands.
        fault: Why nothing can be found there; empty where it can.
    """

    field: str
    given: int | str | None
    meaning: int | str | None
    fault: str = ""


class End(NamedTuple):
    """Where a line ends that can have one master; as text, for a person.

    Attributes:
        kind: A serial port of the gateway, a server that it connects to, or a port that it listens on.
        field: Of the bus in the site file, which says it.
        place: The serial port or the host as it is given; empty where nothing is given yet.
        port: Of the network, 0 for any free one; 0 for a serial port.
    """

    kind: Literal["serial", "connect", "listen"]
    field: str
    place: str
    port: int = 0

    def __str__(self) -> str:
        return self.place if self.kind == "serial" else f"{self.place}:{self.port}"

    @property
    def known(self) -> bool:
        """Whether it is a place that another bus could take."""
        return bool(self.place) if self.kind == "serial" else self.port != 0


class Unlike(NamedTuple):
    """A device whose profile names another serial setting than its bus has; as text, what the profile says.

    Attributes:
        bus: The serial line.
        field: Of the bus.
        asked: What the bus has.
        device: The first one of the bus that differs.
        said: What its profile says.
    """

    bus: Bus
    field: str
    asked: object
    device: Device
    said: object

    def __str__(self) -> str:
        return f"{self.said}, as the profile of {self.device.id} says"


def unreachable(site: Site) -> Iterator[Fault]:
    """Devices on a bus of another protocol, without an address, or with the address of another."""
    taken: dict[tuple[str, int | str | None], tuple[str, int | str | None]] = {}
    heard: dict[str, list[tuple[int, Device]]] = {bus.id: [] for bus in site.buses}
    for i, device in enumerate(site.devices):
        bus = site.bus_by_id[device.bus]
        if device.model.protocol != bus.protocol:
            yield Fault(("devices", i, "bus"), f"expected a bus of {device.model.protocol}; this one speaks {bus.protocol}", bus.id)
            continue
        heard[bus.id].append((i, device))
        found = device.address(bus)
        place = ("devices", i, found.field)
        other, theirs = taken.setdefault((bus.id, found.meaning), (device.id, found.given))
        if found.meaning is None:
            yield Fault(place, f"expected a {found.field}, since {bus.id} speaks {bus.protocol}", found.given)
        elif found.fault:
            yield Fault(place, found.fault, found.given)
        elif other != device.id:
            yield Fault(place, f"expected a {found.field} that no other device of {bus.id} has; {other} has {theirs!r}", found.given)
    for bus in site.buses:
        places = {device.id: i for i, device in heard[bus.id]}
        for device, field, twice in bus.mistaken([device for _, device in heard[bus.id]]):
            said = f"expected a {field} that no other device of {bus.id} has; {twice} takes it"
            yield Fault(("devices", places[device.id], field), said, getattr(device, field))


def misused(site: Site) -> Iterator[Fault]:
    """Settings that a bus cannot have, and devices that it does not know."""
    for i, bus in enumerate(site.buses):
        yield from (Fault(("buses", i, field), text, getattr(bus, field)) for field, text in bus.misuses())
    for i, device in enumerate(site.devices):
        wrong = device.misuses(site.bus_by_id[device.bus])
        yield from (Fault(("devices", i, field), text, getattr(device, field)) for field, text in wrong)
