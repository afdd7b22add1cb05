"""When a device counts as online: a good reading within three of its intervals, vehicles within 180 s (the interface's rule)."""

from __future__ import annotations

VEHICLE = "vehicle"
VEHICLE_SILENCE = 180_000
"""Ms without a good reading after which a vehicle is offline."""
_INTERVALS = 3
_UNKNOWN_INTERVAL = 60.0
"""Seconds; for a device that only a birth made known."""


def longest_silence(device_class: str, interval: float | None) -> int:
    """Ms that a device may say nothing good and still is online.

    Args:
        device_class: As in its profile.
        interval: Seconds between two polls; None where it is not known.
    """
    if device_class == VEHICLE:
        return VEHICLE_SILENCE
    return int(_INTERVALS * (_UNKNOWN_INTERVAL if interval is None else interval) * 1000)
