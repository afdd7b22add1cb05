"""What a site's lines and things must agree on, so that a line has one master and a thing is what its use needs.

Uniqueness is of meaning, not of text: `localhost` is 127.0.0.1, and a port of the kernel may have several names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from os.path import normpath
from typing import TYPE_CHECKING

from contract.fault import Fault

if TYPE_CHECKING:
    from contract.addressing import Unlike
    from contract.site import Bus, Site

RealName = Callable[[str], str]
"""The one name of a serial port; only the machine that has the port can follow its links."""
_ANYWHERE = {"0.0.0.0", "::"}  # noqa: S104 (compared with, not bound to)
_THIS_MACHINE = {"localhost", "::1"}
_ROOM = ("on", "setpoint", "room_temperature")


def miswired(site: Site) -> Iterator[Fault]:
    """Lines that two buses would ask, or that are asked in another way than their devices speak, though nobody said so."""
    stated = [bus for bus in site.buses if bus.model_fields_set & bus.places]  # a gateway's file may give the others
    for bus, other in shared(stated, normpath):
        place = place_of(bus)
        said = f"expected a {place} that no other bus of {bus.gateway} has; {other.id} is there"
        yield Fault(("buses", site.buses.index(bus), place), said, getattr(bus, place))
    for unlike in unlike_settings(site):
        if unlike.field not in unlike.bus.model_fields_set and unlike.bus.own_port:
            where = ("buses", site.buses.index(unlike.bus), unlike.field)
            yield Fault(where, f"expected {unlike}, or what the devices are set to; got none, which is {unlike.asked}", None)


def misplaced(site: Site) -> Iterator[Fault]:
    """Devices that cannot be what they are used as, or where they are said to be."""
    yield from _unhoused(site)
    for i, zone in enumerate(site.zones):
        if not any(point in site.device_by_id[zone.device].model.points for point in _ROOM):
            yield Fault(("zones", i, "device"), f"expected a device of a room; its profile has none of {', '.join(_ROOM)}", zone.device)
    for i, group in enumerate(site.elevator_groups):
        for j, car in enumerate(group.cars):
            if "floor" not in site.device_by_id[car.device].model.points:
                yield Fault(("elevator_groups", i, "cars", j, "device"), "expected an elevator; its profile has no point floor", car.device)
    for i, device in enumerate(site.devices):
        if device.vehicle and device.model.device_class != "vehicle":
            yield Fault(
                ("devices", i, "vehicle"), f"expected none: the profile is of class {device.model.device_class}", device.vehicle.plate
            )


def _unhoused(site: Site) -> Iterator[Fault]:
    """Houses of another compound, and floors that a house has not."""
    homes = {house.id: (compound.id, house.floors) for compound in site.compounds for house in compound.buildings}
    for i, device in enumerate(site.devices):
        if device.building is None:
            continue
        home, floors = homes[device.building]
        if device.compound not in {None, home}:
            yield Fault(("devices", i, "building"), f"expected a house of {device.compound}; this one stands in {home}", device.building)
        if device.floor is not None and device.floor > floors:
            yield Fault(("devices", i, "floor"), f"expected at most {floors}, as many as {device.building} has", device.floor)
    for i, group in enumerate(site.elevator_groups):
        floors = homes[group.building][1]
        stops = [(("common_floors",), group.common_floors), *((("cars", j, "served"), car.served) for j, car in enumerate(group.cars))]
        for place, asked in stops:
            if max(asked, default=0) > floors:
                yield Fault(("elevator_groups", i, *place), f"expected at most {floors}, as many as {group.building} has", max(asked))


def unlike_settings(site: Site) -> Iterator[Unlike]:
    """Settings of serial lines that differ from a profile of theirs, each once.

    A line whose settings are stated may be right: whoever wires several models to it sets them all alike.
    """
    for bus in site.buses:
        yield from bus.unlike([device for device in site.devices if device.bus == bus.id])


def shared(buses: Sequence[Bus], real: RealName) -> Iterator[tuple[Bus, Bus]]:
    """Buses of one gateway that would ask or listen at one place: (the later one, the earlier one)."""
    for number, bus in enumerate(buses):
        mine = (other for other in buses[:number] if other.gateway == bus.gateway and not _in_turn(bus, other))
        others = (other for other in mine if _meet(_end(bus, real), _end(other, real)))
        yield from [(bus, other) for other in others][:1]


def _in_turn(bus: Bus, other: Bus) -> bool:
    """Whether two protocols may be spoken on one serial port."""
    return bus.own_port and other.own_port and bus.takes_turns and other.takes_turns and bus.protocol != other.protocol


def place_of(bus: Bus) -> str:
    """The field that says where a bus ends."""
    end = bus.end()
    return "port" if end is None else end.field


def _end(bus: Bus, real: RealName) -> tuple[str, str, int] | None:
    """Where a line ends that can have one master; None where there is room for many, for any free port, and where nothing is said yet."""
    end = bus.end()
    if end is None or not end.known:
        return None
    return (end.kind, real(end.place) if end.kind == "serial" else _host(end.place), end.port)


def _meet(one: tuple[str, str, int] | None, other: tuple[str, str, int] | None) -> bool:
    if one is None or other is None:
        return False
    everywhere = one[0] == "listen" and not _ANYWHERE.isdisjoint({one[1], other[1]})
    return one == other or (everywhere and (one[0], one[2]) == (other[0], other[2]))


def _host(name: str) -> str:
    """One name of a host: an address in its shortest form, a name in lower case, this machine always as 127.0.0.1."""
    plain = name.strip().lower().rstrip(".").strip("[]")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return "127.0.0.1" if plain in _THIS_MACHINE else plain
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return "127.0.0.1" if str(address) in _THIS_MACHINE else str(mapped or address)
