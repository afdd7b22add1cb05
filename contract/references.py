"""What a site's parts are called, and by which ids they name each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from contract.fault import Fault, Place, twice
from contract.yamlfile import nearest

if TYPE_CHECKING:
    from contract.site import Site

Known = dict[str, list[tuple[Place, str]]]
"""By what it is: where each part stands, and its id."""


def doubled(site: Site) -> Iterator[Fault]:
    """Ids that stand twice among parts of one kind."""
    for what, ids in _known(site).items():
        yield from twice(ids, f"an id that no other {what} has")


def dangling(site: Site) -> Iterator[Fault]:
    """Fields that name a part which is not there."""
    names = {what: {name for _, name in ids} for what, ids in _known(site).items()}
    for what, place, name in _references(site):
        if name is not None and name not in names[what]:
            yield Fault(place, f"expected the id of a {what}, got {name!r}{nearest(name, names[what])}", name)


def renamed(site: Site) -> Iterator[Fault]:
    """Former ids of units and meters that are still in use, or that two claim."""
    yield from _renamed("unit", "units", [(unit.id, unit.was) for unit in site.units])
    yield from _renamed("meter", "meters", [(meter.id, meter.was) for meter in site.meters])


def _renamed(what: str, field: str, ids: Sequence[tuple[str, str | None]]) -> Iterator[Fault]:
    known, former = {name for name, _ in ids}, set[str]()
    for i, (_, was) in enumerate(ids):
        if was in known:
            yield Fault((field, i, "was"), f"expected an id that no {what} has now", was)
        elif was in former:
            yield Fault((field, i, "was"), f"expected an id that no other {what} had", was)
        if was is not None:
            former.add(was)


def _known(site: Site) -> Known:
    return {
        "compound": [(("compounds", i), c.id) for i, c in enumerate(site.compounds)],
        "building": [(("compounds", i, "buildings", j), b.id) for i, c in enumerate(site.compounds) for j, b in enumerate(c.buildings)],
        "unit": [(("units", i), u.id) for i, u in enumerate(site.units)],
        "gateway": [(("gateways", i), g.id) for i, g in enumerate(site.gateways)],
        "bus": [(("buses", i), b.id) for i, b in enumerate(site.buses)],
        "device": [(("devices", i), d.id) for i, d in enumerate(site.devices)],
        "meter": [(("meters", i), m.id) for i, m in enumerate(site.meters)],
        "zone": [(("zones", i), z.id) for i, z in enumerate(site.zones)],
        "elevator group": [(("elevator_groups", i), g.id) for i, g in enumerate(site.elevator_groups)],
        "schedule": [(("schedules", i), s.id) for i, s in enumerate(site.schedules)],
    }


def _references(site: Site) -> Iterator[tuple[str, Place, str | None]]:
    """What is named, in which field, by which id."""
    for i, unit in enumerate(site.units):
        yield "compound", ("units", i, "compound"), unit.compound
    for i, gateway in enumerate(site.gateways):
        yield "compound", ("gateways", i, "compound"), gateway.compound
    for i, bus in enumerate(site.buses):
        yield "gateway", ("buses", i, "gateway"), bus.gateway
    for i, device in enumerate(site.devices):
        yield "bus", ("devices", i, "bus"), device.bus
        yield "compound", ("devices", i, "compound"), device.compound
        yield "building", ("devices", i, "building"), device.building
        if device.vehicle:
            yield "unit", ("devices", i, "vehicle", "unit"), device.vehicle.unit
    yield from _uses(site)


def _uses(site: Site) -> Iterator[tuple[str, Place, str | None]]:
    """The same for what is made of devices: meters, elevator groups, zones and schedules."""
    for i, meter in enumerate(site.meters):
        yield "device", ("meters", i, "device"), meter.device
        yield "meter", ("meters", i, "parent"), meter.parent
        yield "compound", ("meters", i, "compound"), meter.compound
        for j, served in enumerate(meter.units):
            yield "unit", ("meters", i, "units", j), served
    for i, group in enumerate(site.elevator_groups):
        yield "building", ("elevator_groups", i, "building"), group.building
        for j, car in enumerate(group.cars):
            yield "device", ("elevator_groups", i, "cars", j, "device"), car.device
    for i, zone in enumerate(site.zones):
        yield "device", ("zones", i, "device"), zone.device
    for i, schedule in enumerate(site.schedules):
        for j, served in enumerate(schedule.devices):
            yield "device", ("schedules", i, "devices", j), served
