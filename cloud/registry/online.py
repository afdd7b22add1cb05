"""When a device counts as online: a good reading within three of its intervals, vehicles within 180 s (the interface's rule)."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from cloud.registry.tables import device, device_state
from contract.profile import Profile, load_profile
from contract.yamlfile import ConfigError

VEHICLE = "vehicle"
VEHICLE_SILENCE = 180_000
"""Ms without a good reading after which a vehicle is offline."""
_INTERVALS = 3
_UNKNOWN_INTERVAL = 60.0
"""Seconds; for a device that only a birth made known."""


class Life(NamedTuple):
    """How long (ms) a device may say nothing, and the time (ms) of its death; None while it is born."""

    longest_silence: int
    dead_at: int | None = None

    def speaks_of_now(self, at: int | None, now: int) -> bool:
        """Whether what was measured at a time (ms) still says something of now: it is not too old, and the device has not died since.

        The death may be its gateway's
        (tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale, -ddeath-devices-tags-stale).
        """
        return at is not None and now - at <= self.longest_silence and (self.dead_at is None or at > self.dead_at)


def devices_of(group: str) -> sa.Select[Any]:
    """Asks for a group's devices, by id, each with what `life` needs; those that the site no longer has are left out."""
    own = sa.and_(device_state.c.grp == device.c.grp, device_state.c.device == device.c.id)
    joined = sa.select(device, device_state.c.dead_at).join_from(device, device_state, own, isouter=True)
    return joined.where(device.c.grp == group, device.c.retired_on.is_(None)).order_by(device.c.id)


def class_of(row: sa.Row[Any]) -> str:
    """The device class of a row; `class` is a word of Python, so it cannot be asked for by name."""
    return str(row._mapping["class"])  # noqa: SLF001 (public in SQLAlchemy)


def profile_of(row: sa.Row[Any]) -> Profile | None:
    """A device's profile; None for a device that has none, or whose profile is no longer shipped."""
    try:
        return load_profile(row.profile) if row.profile else None
    except ConfigError:
        return None


def life(row: sa.Row[Any]) -> Life:
    """The life of a device, from a row of `devices_of`."""
    if class_of(row) == VEHICLE:
        return Life(VEHICLE_SILENCE, row.dead_at)
    return Life(int(_INTERVALS * (_UNKNOWN_INTERVAL if row.interval is None else row.interval) * 1000), row.dead_at)
