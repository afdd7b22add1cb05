"""A row of each kind that ingest writes of devices, for trial."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.devices.tables import birth, clock_offset, device, device_state, event, handed, latest, node, rejected_reading
from cloud.platform import trial

_WRITTEN = (birth, node, device, device_state, clock_offset, latest, event, rejected_reading, handed)


def try_rows(connection: sa.Connection) -> None:
    """Write rows that mean nothing, for a transaction that is taken back; the database may refuse them."""
    trial.try_rows(connection, _WRITTEN)
