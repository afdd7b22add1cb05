"""How far the readings of devices were thinned, in SQL."""

from __future__ import annotations

import sqlalchemy as sa

from cloud.ledger.tables import thinned
from cloud.platform.database import upsert
from contract.point import Kind


def until(connection: sa.Connection, group: str, device: str, kind: Kind) -> int | None:
    """Until when (ms, exclusive) a device's readings of a kind are done; None if none are."""
    mine = sa.and_(thinned.c.grp == group, thinned.c.device == device, thinned.c.kind == kind.value)
    found: int | None = connection.execute(sa.select(thinned.c.until).where(mine)).scalar()
    return found


def mark(connection: sa.Connection, group: str, device: str, kind: Kind, until: int) -> None:
    """Keep until when (ms, exclusive) a device's readings of a kind are done."""
    upsert(connection, thinned, [{"grp": group, "device": device, "kind": kind.value, "until": until}])
