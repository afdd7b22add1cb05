"""The newest reading of each point, as ingest keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cloud.api.context import Context
from cloud.api.shapes import Latest
from cloud.registry.tables import device_state, latest
from contract.clock import iso
from contract.point import POINTS
from contract.reading import Quality

_SHOWN = [latest.c[name] for name in ("device", "point", "value", "at", "quality", "received_at")]
"""What the interface says of a reading; a row is another one only where one of them is."""
_QUALITIES = {int(quality): quality.name.lower() for quality in Quality}


def quality_name(number: int) -> str:
    """A quality as the interface writes it; a number that is none counts as bad."""
    return _QUALITIES.get(number, Quality.BAD.name.lower())


def latest_readings(context: Context, device: str | None = None) -> list[Latest]:
    """The newest readings of one device or of all."""
    return [shape(row) for row in latest_rows(context, device)]


def latest_rows(context: Context, device: str | None = None, *, received_from: int | None = None) -> Sequence[sa.Row[Any]]:
    """The same before they are given a shape; those that came or became stale at or after a moment if one is given."""
    state = device_state.c
    of_device = sa.and_(state.grp == latest.c.grp, state.device == latest.c.device)
    shown: sa.Select[Any] = sa.select(*_SHOWN, state.dead_at)
    query = shown.join_from(latest, device_state, of_device, isouter=True).where(latest.c.grp == context.group)
    if device is not None:
        query = query.where(latest.c.device == device)
    if received_from is not None:
        query = query.where(sa.or_(latest.c.received_at >= received_from, state.changed_at >= received_from))
    with context.engine.connect() as connection:
        return connection.execute(query.order_by(latest.c.device, latest.c.point)).all()


def shape(row: sa.Row[Any]) -> Latest:
    """A reading as the interface gives it.

    What was good stays so until its device or gateway dies; then it is stale until the device is born again
    (tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale, -ddeath-devices-tags-stale).
    """
    known = POINTS.get(row.point)
    stale = row.quality == Quality.GOOD and row.dead_at is not None and row.at <= row.dead_at
    return Latest(
        device=row.device,
        point=row.point,
        value=row.value,
        unit=known.unit.value if known else "",
        quality=quality_name(Quality.STALE if stale else row.quality),
        at=iso(row.at),
        received_at=iso(row.received_at),
    )
