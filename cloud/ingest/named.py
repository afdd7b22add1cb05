"""Points that are a bit of another one: a gateway of an earlier version sends only the number that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contract.flag import add_flags
from contract.profile import Profile
from contract.states import is_set

_EMERGENCY, _LOCATED = "emergency_alarm", "located"
_PLACE = ("latitude", "longitude")


def name_bits(profile: Profile | None, polls: Iterable[dict[str, float]], *, vehicle: bool) -> None:
    """Add to the values of each moment what the profile knows of their bits, and take a vehicle's place away that is no fix.

    A terminal without a fix repeats the last place it knew; that is no measurement (JT/T 808-2019, clause 8, 0x0200, status bit 1).
    """
    flags = {} if profile is None else profile.flags
    if not flags and not vehicle:
        return
    for values in polls:
        add_flags(flags, values)
        if vehicle and is_set(values.get(_LOCATED)) is False:
            for point in _PLACE:
                values.pop(point, None)


def emergency(values: Mapping[str, float]) -> bool:
    """Whether somebody calls for help."""
    return is_set(values.get(_EMERGENCY)) is True
