"""Zones, elevators and vehicles as the site's files name them and the newest readings show them."""

from __future__ import annotations

from collections.abc import Iterable

from cloud.alerts.ruleset import Rule, Severity
from cloud.alerts.view import of_rows
from cloud.api.wall import schemas
from cloud.api.wall.newest import Newest
from cloud.devices.model import VEHICLE
from cloud.ledger.periods import local_time
from contract.clock import iso
from contract.operation import Car, ElevatorGroup, Text
from contract.site import Site
from contract.states import is_on, is_wrong
from contract.workdays import Workdays

STANDS = 3.0
"""Km/h up to which a car counts as standing: positions drift by as much."""


def text(name: Text) -> schemas.Name:
    """A name of the site in both languages."""
    return {"zh": name.zh, "en": name.en}


def zones(site: Site, newest: Newest, rules: Iterable[Rule] = ()) -> list[schemas.Zone]:
    """The conditioned zones, in the order of the site's file; alert rules say which set-points break a limit."""
    beyond = _beyond(site, newest, rules)
    return [
        schemas.Zone(
            id=zone.id,
            name=text(zone.name),
            device=zone.device,
            room_temperature=newest.shown(zone.device, "room_temperature"),
            setpoint=newest.shown(zone.device, "setpoint"),
            beyond=beyond.get(zone.device),
            on=newest.shown(zone.device, "on"),
            running=is_on(newest.meaning(zone.device, "on")),
            mode=newest.state(zone.device, "mode"),
            fan=newest.state(zone.device, "fan_actual") or newest.state(zone.device, "fan"),
            fault=newest.state(zone.device, "fault"),
            faulty=is_wrong(newest.meaning(zone.device, "fault")),
        )
        for zone in site.zones
    ]


def _beyond(site: Site, newest: Newest, rules: Iterable[Rule]) -> dict[str, Severity]:
    """The switches whose set-point is beyond its limit now, whether or not for so long that it is an alert, and how much it matters."""
    switches = [newest.devices[zone.device] for zone in site.zones if zone.device in newest.devices]
    view = of_rows(site, newest.now, switches, {row.id: newest.readings.get(row.id, {}) for row in switches})
    found: dict[str, Severity] = {}
    for rule in rules:
        if (rule.condition, rule.point) != ("season_limit", "setpoint"):
            continue
        exempt = site.operation.exempt(rule.id)
        for seen in rule.known.observe(rule, rule.numbers, view, {}):
            if seen.excess is not None and seen.excess > 0 and seen.subject not in exempt:
                found[seen.subject] = max(rule.severity, found.get(seen.subject, rule.severity), key=lambda severity: severity.rank)
    return found


def lifts(site: Site, newest: Newest) -> list[schemas.Lifts]:
    """The elevator groups, in the order of the site's file."""
    buildings = {building.id: (compound, building) for compound in site.compounds for building in compound.buildings}
    found = []
    for group in site.elevator_groups:
        compound, building = buildings[group.building]
        until, following = window(group, site.operation.workdays, newest.now)
        found.append(
            schemas.Lifts(
                id=group.id,
                name=text(compound.name),
                floors=building.floors,
                window=until is not None,
                until=until,
                next=following,
                cars=[_car(site, car, newest) for car in group.cars],
            )
        )
    return found


def window(group: ElevatorGroup, workdays: Workdays, now: int) -> tuple[str | None, str | None]:
    """When the window that holds now ends (None: none holds), and when the next one of today begins; HH:MM in Shanghai."""
    here = local_time(now)
    clock, works = f"{here:%H:%M}", here.date() in workdays
    today = [each for each in group.windows if works or each.days == "every_day"]
    until = max((each.end for each in today if each.start <= clock < each.end), default=None)
    return until, min((each.start for each in today if each.start > clock), default=None)


def _car(site: Site, car: Car, newest: Newest) -> schemas.Car:
    known = site.device_by_id.get(car.device)
    return schemas.Car(
        id=car.device,
        name=text(known.name) if known else {"zh": car.device, "en": car.device},
        floor=newest.shown(car.device, "floor"),
        planned=car.parity,
        special=is_wrong(newest.meaning(car.device, "mode")),
        faulty=is_wrong(newest.meaning(car.device, "fault")),
        **{point: newest.state(car.device, point) for point in ("direction", "door", "mode", "fault", "parity")},
    )


def vehicles(site: Site, newest: Newest) -> list[schemas.Vehicle]:
    """Every vehicle of the registry, by id."""
    found = []
    for row in newest.of_class(VEHICLE):
        known = site.device_by_id.get(row.id)
        state = _standing(newest, row.id)
        seen = newest.seen(row.id)
        place = {point: newest.shown(row.id, point).value for point in ("latitude", "longitude", "course", "speed")}
        found.append(
            schemas.Vehicle(
                id=row.id,
                name=row.name,
                plate=known.vehicle.plate if known and known.vehicle else "",
                state=state,
                at=iso(seen) if state == "offline" and seen is not None else None,
                **place,
            )
        )
    return found


def _standing(newest: Newest, name: str) -> schemas.VehicleState:
    """What a car does; one that stands and whose engine is not known to run counts as parked."""
    if not newest.online(name):
        return "offline"
    if (newest.current(name, "speed") or 0.0) > STANDS:
        return "moving"
    return "idling" if newest.runs(name, "ignition") else "parked"


def site_map(site: Site) -> schemas.Map:
    """What lies under the vehicles."""
    return schemas.Map(
        latitude=site.latitude,
        longitude=site.longitude,
        compounds=[
            schemas.Place(name=text(c.name), latitude=c.latitude, longitude=c.longitude)
            for c in site.compounds
            if c.latitude is not None and c.longitude is not None
        ],
        landmarks=[schemas.Place(name=text(mark.name), latitude=mark.latitude, longitude=mark.longitude) for mark in site.map.landmarks],
        roads=site.map.roads,
    )
