"""Readings: the newest, a series, and one number an interval."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from cloud.api import readings
from cloud.api.availability import reads_telemetry
from cloud.api.context import HereOrThere
from cloud.api.devices import known
from cloud.api.latest import latest_readings
from cloud.api.params import Every, Id, Moment
from cloud.api.schemas import Latest, Sample
from cloud.api.slots import Large
from cloud.telemetry.base import Aggregate

router = APIRouter(prefix="/api/v1/readings")


@router.get("/latest")
def newest(here: HereOrThere, device: Id | None = None) -> list[Latest]:
    """The newest reading of each point, of one device or of all."""
    if device is not None:
        known(here, device)
    return latest_readings(here, device)


@router.get("", dependencies=[Depends(reads_telemetry)])
def series(
    here: HereOrThere,
    _room: Large,
    device: Id,
    point: Id,
    start: Moment,
    end: Moment,
    every: Every | None = None,
    aggregate: Aggregate | None = None,
) -> list[Sample]:
    """The readings of a point in [start, end); with `every` one number an interval, cut in Asia/Shanghai."""
    return readings.series(here, device, point, start, end, every, aggregate)
