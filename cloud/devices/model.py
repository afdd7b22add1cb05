"""A device as the register has it, what it said last, and whether that still says something of now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.profile import Profile, load_profile
from contract.reading import Quality
from contract.yamlfile import ConfigError

VEHICLE = "vehicle"
GATEWAY_CLASS = "gateway"
FOREIGN_CLASS = "foreign"
"""Class of a device that only a birth made known."""
VEHICLE_SILENCE = 180_000
"""Ms without a good reading after which a vehicle is offline."""
_INTERVALS = 3
_UNKNOWN_INTERVAL = 60.0
"""Seconds; for a device that only a birth made known."""


class Life(NamedTuple):
    """How long (ms) a device may say nothing, and the time (ms) of its death; None while it is born."""

    longest_silence: int
    dead_at: int | None = None

    def is_fresh(self, at: int | None, now: int) -> bool:
        """Whether what was measured at a time (ms) still says something of now: it is not too old, and the device has not died since.

        The death may be its gateway's
        (tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale, -ddeath-devices-tags-stale).
        """
        return at is not None and now - at <= self.longest_silence and (self.dead_at is None or at > self.dead_at)


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the register.

    Attributes:
        id: Unique in its group.
        device_class: Such as `electricity`.
        gateway: The node that speaks for it; its own id for a gateway.
        name: What people call it, in `zh` and `en`.
        life: How long it may be silent, and whether it is dead.
        profile: Of its model; None where it has none, or it is no longer shipped. It is long, so nobody who prints a device wants it.
        compound: Where it stands, if the site says so.
        profile_id: Name of its profile; None for a device that only a birth made known.
        interval: Seconds between two readings; None for a device that only a birth made known.
    """

    id: str
    device_class: str
    gateway: str
    name: dict[str, str]
    life: Life
    profile: Profile | None = field(default=None, repr=False)
    compound: str | None = None
    profile_id: str | None = None
    interval: float | None = None


class RegisteredDevice(NamedTuple):
    """A row of the register.

    Attributes:
        group: Sparkplug group.
        id: Unique in its group.
        device_class: Such as `electricity`.
        name: What people call it, in `zh` and `en`.
        compound: Where it stands, if the site says so.
        gateway: The node that speaks for it.
        profile: Name of its profile; None for a device that only a birth made known.
        interval: Seconds between two readings; None likewise.
    """

    group: str
    id: str
    device_class: str
    name: dict[str, str]
    compound: str | None
    gateway: str
    profile: str | None
    interval: float | None


class Reading(NamedTuple):
    """The newest reading of a point; `good_at` is the time (ms) of its newest good one, None if there never was one."""

    device: str
    point: str
    value: float | None
    at: int
    quality: int
    good_at: int | None


class Told(NamedTuple):
    """The newest reading of a point with when it came, and when its device died, if it is dead."""

    device: str
    point: str
    value: float | None
    at: int
    quality: int
    received_at: int
    dead_at: int | None

    @property
    def quality_now(self) -> int:
        """What was good stays so until its device or gateway dies; then it is stale until the device is born again.

        (tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale, -ddeath-devices-tags-stale).
        """
        stale = self.quality == Quality.GOOD and self.dead_at is not None and self.at <= self.dead_at
        return int(Quality.STALE) if stale else self.quality


class Node(NamedTuple):
    """A Sparkplug edge node.

    Attributes:
        group: Sparkplug group.
        id: Sparkplug edge node id, unique in its group.
        online: Whether its session stands.
        changed_at: Since when it is online or not, ms.
        stores: Whether it keeps its readings until they are acknowledged, as our gateways do.
        known_group: Whether a site has its group.
        devices: Ids of those that it speaks for.
    """

    group: str
    id: str
    online: bool
    changed_at: int
    stores: bool
    known_group: bool
    devices: list[str]


class Speaker(NamedTuple):
    """A device, the gateway that speaks for it, and the outbox of that gateway; None where it keeps no rows.

    `profile` is its name; None for a device that only a birth made known.
    """

    group: str
    id: str
    gateway: str
    device_class: str
    profile: str | None
    outbox: str | None

    @property
    def foreign(self) -> bool:
        """Whether only births made it known, those of a node that is not ours."""
        return self.outbox is None and self.device_class in {FOREIGN_CLASS, GATEWAY_CLASS}


class Placed(NamedTuple):
    """What a device is, the node that speaks for it, and the name of its profile; None for a device that only a birth made known."""

    device_class: str
    gateway: str
    profile: str | None = None


class NewDevice(NamedTuple):
    """A device that only a birth makes known; `name` is what people call it, in `zh` and `en`."""

    group: str
    id: str
    device_class: str
    name: dict[str, str]
    gateway: str


class KeptBirth(NamedTuple):
    """A birth certificate, as it is kept.

    Attributes:
        group: Sparkplug group.
        node: Sparkplug edge node id.
        device: Whose it is; empty of the node's own.
        at: When it was said, ms, by the node's clock.
        bd_seq: Number of the node's session; None where its birth has none.
        metrics: JSON: datatype and alias by name.
    """

    group: str
    node: str
    device: str
    at: int
    bd_seq: int | None
    metrics: str


class NodeState(NamedTuple):
    """How a node stands: its outbox and session as its last birth said, and since when (ms) it is online or not."""

    group: str
    id: str
    outbox: str | None
    bd_seq: int | None
    online: bool
    changed_at: int


class DeviceState(NamedTuple):
    """Whether a device lives: when it died (ms; None while it is born), and when that was told (ms)."""

    group: str
    device: str
    dead_at: int | None
    changed_at: int


class NewEvent(NamedTuple):
    """An event to be put on record: when it happened (ms), and when it was noted (ms)."""

    kind: str
    group: str
    subject: str
    at: int
    detail: str
    noted_at: int


class NewRejected(NamedTuple):
    """A reading that was refused, to be put on record: when it was measured (ms), why it was refused, and when it came (ms)."""

    group: str
    device_class: str
    device: str
    point: str
    at: int
    value: float | None
    quality: int
    reason: str
    received_at: int


def life_of(device_class: str, interval: float | None, dead_at: int | None) -> Life:
    """Online is who gave a good reading within three intervals, a vehicle within 180 s (the interface's rule)."""
    if device_class == VEHICLE:
        return Life(VEHICLE_SILENCE, dead_at)
    return Life(int(_INTERVALS * (_UNKNOWN_INTERVAL if interval is None else interval) * 1000), dead_at)


def profile_of(name: str | None) -> Profile | None:
    """A profile by its name; None for no name, and for one that is no longer shipped."""
    try:
        return load_profile(name) if name else None
    except ConfigError:
        return None


def seen(readings: Iterable[Reading]) -> int | None:
    """Time (ms) of a device's newest good reading; None if there never was one."""
    return max([reading.good_at for reading in readings if reading.good_at is not None], default=None)
