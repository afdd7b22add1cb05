"""Devices and vehicles."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from cloud.api import devices
from cloud.api.context import Here, HereOrThere
from cloud.api.params import Day, Id
from cloud.api.problems import not_found
from cloud.api.schemas import Both, Device, DeviceDetail, Vehicle
from cloud.devices.model import VEHICLE

router = APIRouter(prefix="/api/v1")


@router.get("/devices")
def every_device(
    here: HereOrThere,
    after: Annotated[Id | None, Query(description="id of the last device of the page before")] = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="devices of a page (default: all)")] = None,
) -> list[Device]:
    """Every device, by id; online = a good reading within three of its intervals (vehicles: 180 s)."""
    return devices.all_devices(here, after, limit)


@router.get("/names")
def names(here: HereOrThere) -> dict[str, Both]:
    """What people call each device, by its id."""
    return devices.names(here)


@router.get("/devices/{device}")
def one_device(here: HereOrThere, device: Id) -> DeviceDetail:
    """A device with what its files say."""
    return devices.one_device(here, device)


@router.get("/vehicles")
def vehicles(here: Here) -> list[Vehicle]:
    """Every vehicle with its newest position."""
    return devices.vehicles(here)


@router.get("/vehicles/{vehicle}/trips")
def trips(here: Here, vehicle: Id, day: Day | None = None) -> list[dict[str, Any]]:
    """The trips of a vehicle on a day; none are cut from its track yet."""
    del day
    if devices.known(here, vehicle).device_class != VEHICLE:
        raise not_found("vehicle", vehicle)
    return []
