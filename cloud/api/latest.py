"""The newest reading of each point as the interface gives it."""

from __future__ import annotations

from cloud.api.context import Context
from cloud.api.schemas import Latest
from cloud.devices.model import Told
from cloud.devices.queries import readings
from contract.clock import iso
from contract.point import POINTS
from contract.reading import Quality

_QUALITIES = {int(quality): quality.name.lower() for quality in Quality}


def quality_name(number: int) -> str:
    """A quality as the interface writes it; a number that is none counts as bad."""
    return _QUALITIES.get(number, Quality.BAD.name.lower())


def latest_readings(context: Context, device: str | None = None) -> list[Latest]:
    """The newest readings of one device or of all."""
    return [shape(told) for told in latest_told(context, device)]


def latest_told(context: Context, device: str | None = None, *, received_from: int | None = None) -> list[Told]:
    """The same before they are given a shape; those that came or became stale at or after a moment if one is given."""
    with context.engine.connect() as connection:
        return readings.told(connection, context.group, device, received_from=received_from)


def shape(told: Told) -> Latest:
    """A reading as the interface gives it."""
    known = POINTS.get(told.point)
    return Latest(
        device=told.device,
        point=told.point,
        value=told.value,
        unit=known.unit.value if known else "",
        quality=quality_name(told.quality_now),
        at=iso(told.at),
        received_at=iso(told.received_at),
    )
