"""Devices and vehicles as the register and the newest readings show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.api import schemas
from cloud.api.context import Context
from cloud.api.problems import not_found
from cloud.api.schemas import Both, DeviceDetail, Vehicle, Writable
from cloud.devices.model import VEHICLE, Device, Reading, seen
from cloud.devices.queries import readings, register
from cloud.operations import commands
from cloud.organisations.queries import site_of
from contract import sparkplug
from contract.clock import iso
from contract.point import POINTS
from contract.profile import PointMap

_POSITION = ("latitude", "longitude", "speed", "course")


def known(context: Context, name: str) -> Device:
    """A device of the register.

    Raises:
        HTTPException: 404, there is none.
    """
    with context.engine.connect() as connection:
        device = register.one(connection, context.group, name)
    if device is None:
        raise not_found("device", name)
    return device


def all_devices(context: Context, after: str | None = None, limit: int | None = None) -> list[schemas.Device]:
    """Every device of the group, by id; or so many, those whose ids follow another."""
    now = context.clock.now_ms()
    with context.engine.connect() as connection:
        place = site_of(connection, context.group)
        devices = register.devices(connection, context.group, after=after, limit=limit)
        newest = readings.newest(connection, context.group, None if limit is None else [device.id for device in devices])
    return [schemas.Device(**_fields(device, newest[device.id], place, now)) for device in devices]


def one_device(context: Context, name: str) -> DeviceDetail:
    """A device with what its files say.

    Raises:
        HTTPException: 404, there is none.
    """
    device = known(context, name)
    with context.engine.connect() as connection:
        newest, place = readings.newest(connection, context.group, [name])[name], site_of(connection, context.group)
    fields = _fields(device, newest, place, context.clock.now_ms())
    if device.profile is not None:
        writable = {point: _writable(point, mapped) for point, mapped in device.profile.points.items() if mapped.writable}
    else:
        writable = {point: _writable_as(kind) for point, kind in commands.takes(context.engine, context.group, name).items()}
    return DeviceDetail(
        **fields, name=device.name, compound=device.compound, profile=device.profile_id, interval=device.interval, writable=writable
    )


def names(context: Context) -> dict[str, Both]:
    """What people call each device of the group, by its id."""
    with context.engine.connect() as connection:
        return {device: Both(**name) for device, name in register.names(connection, context.group).items()}


def vehicles(context: Context) -> list[Vehicle]:
    """Every vehicle with its newest position."""
    now = context.clock.now_ms()
    with context.engine.connect() as connection:
        newest = readings.newest(connection, context.group)
        cars = register.devices(connection, context.group, device_class=VEHICLE)
    return [_vehicle(car, newest[car.id], now) for car in cars]


def _fields(device: Device, newest: Mapping[str, Reading], place: str, now: int) -> dict[str, Any]:
    last = seen(newest.values())
    points = {*newest, *(device.profile.points if device.profile else ())}
    return {
        "id": device.id,
        "class": device.device_class,
        "site": place,
        "gateway": device.gateway,
        "online": device.life.is_fresh(last, now),
        "last_seen": None if last is None else iso(last),
        "points": sorted(points),
    }


def _writable(point: str, mapped: PointMap) -> Writable:
    limits = mapped.limits
    return Writable(
        unit=POINTS[point].unit.value, min=limits.min if limits else None, max=limits.max if limits else None, values=mapped.values
    )


def _writable_as(datatype: int) -> Writable:
    """What a metric takes of which only its datatype is known."""
    low, high = sparkplug.bounds(datatype)
    switch = {0: "false", 1: "true"} if datatype == sparkplug.DataType.BOOLEAN else None
    return Writable(unit="", min=low, max=high, values=switch)


def _vehicle(car: Device, newest: Mapping[str, Reading], now: int) -> Vehicle:
    where = newest.get("latitude")
    return Vehicle(
        id=car.id,
        name=car.name["zh"],
        online=car.life.is_fresh(seen(newest.values()), now),
        at=None if where is None else iso(where.at),
        **{point: newest[point].value if point in newest else None for point in _POSITION},
    )
