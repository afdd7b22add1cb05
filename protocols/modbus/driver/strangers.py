"""Slaves that a site does not have: what is asked for where nothing is known of them, and read as if they were of some model."""

from __future__ import annotations

from functools import cache

from contract.operation import Text
from protocols.modbus.model import Bus, Device, Profile

_NAMELESS = Text(zh="未配置", en="not in the site")
_LONGEST_ID = 64


class _Nobody(Device):
    """A unit id of which nothing is known but how long it may take to answer."""

    within: float

    @property
    def model(self) -> Profile:
        """One of a single register."""
        return _anything().model_copy(update={"timeout": self.within})


@cache
def _anything() -> Profile:
    points = {"status": {"address": 0}}
    about = {"maker": "", "model": "", "class": "electricity", "protocol": "modbus", "sources": [""], "points": points}
    return Profile.model_validate(about)


def nobody_known(bus: Bus, unit: int, within: float) -> Device:
    """A unit id of a bus that has so many seconds to answer."""
    return _Nobody(id=f"unit-{unit}", name=_NAMELESS, profile="", bus=bus.id, unit_id=unit, within=within)


def stranger(bus: Bus, unit: int, profile: str) -> Device:
    """A unit id of a bus as a device of a profile."""
    name = f"unit-{unit}.{profile.replace('/', '.')}"[:_LONGEST_ID]
    return Device(id=name, name=_NAMELESS, profile=profile, bus=bus.id, unit_id=unit)
