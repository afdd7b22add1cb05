"""The newest reading of each point, as ingest keeps it."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.api.context import Context
from cloud.api.shapes import Latest
from cloud.registry.tables import latest
from contract.clock import iso
from contract.point import POINTS
from contract.reading import Quality

_QUALITIES = {int(quality): quality.name.lower() for quality in Quality}


def quality_name(number: int) -> str:
    """A quality as the interface writes it; a number that is none counts as bad."""
    return _QUALITIES.get(number, Quality.BAD.name.lower())


def latest_readings(context: Context, device: str | None = None, *, received_from: int | None = None) -> list[Latest]:
    """The newest readings of one device or of all, those received at or after a moment if one is given."""
    query = sa.select(latest).where(latest.c.grp == context.group).order_by(latest.c.device, latest.c.point)
    if device is not None:
        query = query.where(latest.c.device == device)
    if received_from is not None:
        query = query.where(latest.c.received_at >= received_from)
    with context.engine.connect() as connection:
        return [_shape(row) for row in connection.execute(query)]


def _shape(row: sa.Row[tuple[object, ...]]) -> Latest:
    known = POINTS.get(row.point)
    return Latest(
        device=row.device,
        point=row.point,
        value=row.value,
        unit=known.unit.value if known else "",
        quality=quality_name(row.quality),
        at=iso(row.at),
        received_at=iso(row.received_at),
    )
