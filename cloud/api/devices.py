"""Devices and vehicles as the registry and the newest readings show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from cloud.api.context import Context
from cloud.api.problems import not_found
from cloud.api.shapes import Both, Device, DeviceDetail, Vehicle, Writable
from cloud.registry import commands
from cloud.registry.current import Row, readings_of, seen
from cloud.registry.online import VEHICLE, class_of, devices_of, life, profile_of
from cloud.registry.tables import device, site
from contract import sparkplug
from contract.clock import iso
from contract.point import POINTS
from contract.profile import PointMap

_POSITION = ("latitude", "longitude", "speed", "course")


def device_row(context: Context, name: str) -> Row:
    """The registry's row of a device.

    Raises:
        HTTPException: 404, there is none.
    """
    query = devices_of(context.group).where(device.c.id == name)
    with context.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        raise not_found("device", name)
    return row


def all_devices(context: Context, after: str | None = None, limit: int | None = None) -> list[Device]:
    """Every device of the group, by id; or so many, those whose ids follow another."""
    place, now = _site(context), context.clock.now_ms()
    query = devices_of(context.group) if after is None else devices_of(context.group).where(device.c.id > after)
    with context.engine.connect() as connection:
        rows = connection.execute(query.limit(limit)).all()
        newest = readings_of(connection, context.group, None if limit is None else [row.id for row in rows])
    return [Device(**_fields(row, newest[row.id], place, now)) for row in rows]


def one_device(context: Context, name: str) -> DeviceDetail:
    """A device with what its files say.

    Raises:
        HTTPException: 404, there is none.
    """
    row = device_row(context, name)
    with context.engine.connect() as connection:
        newest = readings_of(connection, context.group, [name])[name]
    fields = _fields(row, newest, _site(context), context.clock.now_ms())
    profile = profile_of(row)
    if profile is not None:
        writable = {point: _writable(point, mapped) for point, mapped in profile.points.items() if mapped.writable}
    else:
        writable = {point: _writable_as(kind) for point, kind in commands.takes(context.engine, context.group, name).items()}
    return DeviceDetail(
        **fields, name=json.loads(row.name), compound=row.compound, profile=row.profile, interval=row.interval, writable=writable
    )


def names(context: Context) -> dict[str, Both]:
    """What people call each device of the group, by its id."""
    query = sa.select(device.c.id, device.c.name).where(device.c.grp == context.group).order_by(device.c.id)
    with context.engine.connect() as connection:
        return {row.id: Both(**json.loads(row.name)) for row in connection.execute(query)}


def vehicles(context: Context) -> list[Vehicle]:
    """Every vehicle with its newest position."""
    query = devices_of(context.group).where(device.c["class"] == VEHICLE)
    now = context.clock.now_ms()
    with context.engine.connect() as connection:
        newest = readings_of(connection, context.group)
        return [_vehicle(row, newest[row.id], now) for row in connection.execute(query)]


def _site(context: Context) -> str:
    with context.engine.connect() as connection:
        return connection.execute(sa.select(site.c.id).where(site.c.grp == context.group).limit(1)).scalar_one_or_none() or ""


def _fields(row: Row, newest: Mapping[str, Row], place: str, now: int) -> dict[str, Any]:
    last, profile = seen(newest.values()), profile_of(row)
    points = {*newest, *(profile.points if profile else ())}
    return {
        "id": row.id,
        "class": class_of(row),
        "site": place,
        "gateway": row.gateway,
        "online": life(row).speaks_of_now(last, now),
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


def _vehicle(row: Row, newest: Mapping[str, Row], now: int) -> Vehicle:
    where = newest.get("latitude")
    return Vehicle(
        id=row.id,
        name=json.loads(row.name)["zh"],
        online=life(row).speaks_of_now(seen(newest.values()), now),
        at=None if where is None else iso(where.at),
        **{point: newest[point].value if point in newest else None for point in _POSITION},
    )
