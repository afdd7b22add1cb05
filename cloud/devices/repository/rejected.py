"""Readings that the store refused: put on record, and taken off it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cloud.devices.model import NewRejected
from cloud.devices.tables import rejected_reading
from cloud.platform.database import inserting

_COLUMNS = ("grp", "class", "device", "point", "at", "value", "quality", "reason", "received_at")


def put(connection: sa.Connection, readings: Sequence[NewRejected]) -> None:
    """Put readings on record; one whose time and point are there already stays as it is."""
    if readings:
        insert = inserting(connection, rejected_reading).on_conflict_do_nothing(index_elements=["grp", "device", "point", "at"])
        connection.execute(insert, [dict(zip(_COLUMNS, one, strict=True)) for one in readings])


def remove(connection: sa.Connection, group: str, device: str, point: str, at: int) -> None:
    """Take the reading of a time (ms) off the record."""
    column = rejected_reading.c
    placed = (column.grp == group, column.device == device, column.point == point, column.at == at)
    connection.execute(sa.delete(rejected_reading).where(*placed))
