"""States by name: each product numbers its modes differently, so the world speaks in words."""

from __future__ import annotations

from contract.profile import Profile
from contract.states import meaning

_ALIASES = {"cool": ("cool",), "heat": ("heat",), "fan": ("fan", "vent"), "top": ("top", "turbo", "high")}


def number(profile: Profile, point: str, *wanted: str, default: float = 0.0) -> float:
    """The raw number of the first wanted name that the profile has."""
    mapped = profile.points.get(point)
    if mapped is None or not mapped.values:
        return default
    for word in wanted:
        for raw, name in mapped.values.items():
            if name.lower() in _ALIASES.get(word, (word,)):
                return float(raw)
    for word in wanted:
        for raw, name in mapped.values.items():
            if name.lower().startswith(word):
                return float(raw)
    return default if int(default) in mapped.values else float(next(iter(mapped.values)))


def word(profile: Profile, point: str, raw: float) -> str:
    """The name of a raw number; the number itself where it has none."""
    return (meaning(profile, point, raw) or f"{raw:g}").lower()


def is_on(profile: Profile, raw: float) -> bool:
    """Whether the state `on` of a device means that it runs; of a profile without names, 1 does."""
    mapped = profile.points.get("on")
    return word(profile, "on", raw).startswith(("on", "run", "start")) if mapped and mapped.values else raw == 1.0
