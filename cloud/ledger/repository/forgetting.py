"""What the ledger keeps of devices is deleted with them; on the caller's connection."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from cloud.ledger.tables import thinned


def forget_thinned(connection: sa.Connection, group: str, devices: Collection[str]) -> None:
    """Forget how far the readings of some devices were thinned."""
    connection.execute(sa.delete(thinned).where(thinned.c.grp == group, thinned.c.device.in_(list(devices))))
