"""What the number of a state means: the only place where a state is judged.

A device numbers its states as its maker liked: off may be 90, and on 165. So a state is the name that the profile's `values` give
its number, never the number's truth value. A number without a name is unknown: neither on nor off, neither at fault nor sound.

A flag is otherwise: it is a bit, whose numbers 0 and 1 mean the same for every maker, whatever a profile calls them.
"""

from __future__ import annotations

from contract.point import POINTS
from contract.profile import Profile

_RUNNING = {"on": True, "running": True, "off": False, "stopped": False}
_SOUND = frozenset({"none", "normal", "ok", "auto"})


def meaning(profile: Profile | None, point: str, value: float | None) -> str | None:
    """The name of a point's number: the profile's, else the standard's; None where nothing names it.

    Args:
        profile: Of the device; None where it is not known.
        point: Name of a point.
        value: The state as a number; None where it is not known.
    """
    if value is None or not float(value).is_integer():
        return None
    mapped = profile.points.get(point) if profile else None
    if mapped is not None and mapped.values is not None:
        return mapped.values.get(int(value))
    known = POINTS.get(point)
    return known.values.get(int(value)) if known else None


def is_set(value: float | None) -> bool | None:
    """Whether a flag is set (1) or not (0), such as `emergency_alarm` or `located`; None where it is not known, or another number."""
    return None if value not in {0.0, 1.0} else value == 1.0


def is_on(name: str | None) -> bool | None:
    """Whether what is in a state of this name runs (`on`, `running`) or not (`off`, `stopped`); None where it says neither."""
    return None if name is None else _RUNNING.get(name.lower())


def runs(profile: Profile | None, point: str, value: float | None) -> bool | None:
    """Whether a thing runs: a flag (such as `ignition`) says so by its number, any other state by its name; None if neither does."""
    mapped = profile.points.get(point) if profile else None
    if mapped is not None and mapped.flag is not None:
        return is_set(value)
    return is_on(meaning(profile, point, value))


def is_wrong(name: str | None) -> bool | None:
    """Whether a fault or a mode has a name other than `none`, `normal`, `ok` or `auto`; None where it is not known."""
    return None if name is None else name.lower() not in _SOUND
