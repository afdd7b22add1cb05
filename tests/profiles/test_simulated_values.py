"""The world speaks every shipped profile: its values are plausible, named states, and fit the registers."""

from __future__ import annotations

import pytest

from contract.point import POINTS
from contract.profile import load_profile, profile_names
from protocols.modbus.device.encoding import to_registers
from protocols.modbus.model import Point
from simulators.alone import lone_device
from simulators.world.calendar import HOUR_MS, day_number, day_start_ms
from simulators.world.site_world import SiteWorld

TIMES = [day_start_ms(day_number(2026, month, 15)) + hour * HOUR_MS for month in (1, 4, 7, 10) for hour in (3, 10, 20)]


@pytest.mark.parametrize("name", profile_names())
def test_simulated_values_are_plausible_for_every_profile(name: str) -> None:
    """Each point has a value inside its plausible range, a state has a number that the profile names, and registers hold it."""
    profile = load_profile(name)
    world = SiteWorld(lone_device(name, port=0))
    for at in TIMES:
        values = world.values("device", at)
        assert values.keys() == profile.points.keys()
        for point, value in values.items():
            mapped = profile.points[point]
            low, high = POINTS[point].plausible
            assert value is not None
            assert low <= value <= high, point
            if mapped.values:
                assert int(value) in mapped.values, point
            if isinstance(mapped, Point):
                assert len(to_registers(value, mapped, point) or []) == mapped.type.registers


@pytest.mark.parametrize("name", profile_names())
def test_a_written_point_reads_as_written(name: str) -> None:
    """Whatever a profile lets be written is what the device shows a minute later."""
    profile = load_profile(name)
    for point, mapped in profile.points.items():
        if not mapped.writable:
            continue
        world = SiteWorld(lone_device(name, port=0))
        limits = [mapped.limits.min, mapped.limits.max] if mapped.limits else []
        for value in [float(v) for v in mapped.values or {}] or limits:
            world.write("device", point, value, TIMES[4])
            assert world.values("device", TIMES[4] + 60_000)[point] == value
