"""The past that is sent is what a gateway would have read."""

from __future__ import annotations

from contract import sparkplug
from contract.site import load_site, shipped_site
from simulators.history import HOUR, expected, meters_of, packed, span
from simulators.registers import from_registers, to_registers
from simulators.world.site_world import SiteWorld

NOW = 1_795_500_000_000


def test_history_agrees_with_what_the_registers_would_have_shown() -> None:
    """At each full hour the counter of history equals, to the bit, the register's; so live data follows it without a step."""
    site = load_site(shipped_site("lizhou"))
    world = SiteWorld(site, 1)
    _, end = span(NOW)
    seen = 0
    for gateway in site.gateways:
        for device, meter in meters_of(site, gateway.id):
            point = str(meter.point)
            mapped = device.model.points[point]
            told = world.full_hours(device.id, meter.energy, point, end - 3 * HOUR, 4)
            for number, value in enumerate(told):
                live = world.values(device.id, end + (number - 3) * HOUR)[point]
                assert live is not None
                if device.model.protocol == "modbus":
                    registers = to_registers(live, mapped, point, device.ct, device.pt)
                    assert registers is not None
                    live = from_registers(registers, mapped, point, device.ct, device.pt)
                assert value == live
                seen += 1
    assert seen == 4 * 37


def test_the_past_is_hourly_from_the_start_of_last_year_and_complete() -> None:
    """Each packed row holds its hours once, in order, from 1 January in Shanghai to the last full hour."""
    site = load_site(shipped_site("lizhou"))
    world = SiteWorld(site, 1)
    start, end = span(NOW)
    assert (start, end) == (1_735_660_800_000, NOW // HOUR * HOUR)
    device, meter = meters_of(site, "gw-c1")[0]
    times = []
    for number, body in packed(world, device, meter, start, end):
        readings = list(sparkplug.readings(sparkplug.decode(body), device.id))
        assert len(readings) == number
        times += [r.at for r in readings]
    assert times == list(range(start, end + 1, HOUR))
    assert expected(site, NOW) == 37 * len(times)
