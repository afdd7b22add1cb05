"""Points that the standard has as bits of a position's words (JT/T 808-2019, clause 8, message 0x0200)."""

from __future__ import annotations

from protocols.jt808.model.bits import ALARMS, STATUS

_BITS = {
    "emergency_alarm": ("alarms", ALARMS["emergency"]),
    "overspeed_alarm": ("alarms", ALARMS["overspeed"]),
    "located": ("status", STATUS["located"]),
    "ignition": ("status", STATUS["acc"]),
}
"""By point: the point that is the word, and the mask of the bit."""


def named(given: object) -> object:
    """A profile with the bits that it does not name itself: one that was written before they were points has the words alone."""
    points = given.get("points") if isinstance(given, dict) else None
    if not isinstance(points, dict):
        return given
    lacking = {
        name: {"flag": {"of": of, "bit": mask.bit_length() - 1}}
        for name, (of, mask) in _BITS.items()
        if of in points and name not in points
    }
    return {**given, "points": points | lacking} if isinstance(given, dict) and lacking else given
