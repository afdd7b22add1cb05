"""A serial line that takes its time: every value is the answer to what was asked last, and late answers cost few of them."""

from __future__ import annotations

import pytest

from contract.clock import Clock
from protocols.base import BusContext, DriverError
from protocols.modbus.driver.master import Modbus
from protocols.modbus.model import Bus
from simulators.paced_line import PacedLine
from tests.modbus_devices import device, nothing_kept, profile

UNITS = (1, 2, 3)
POINTS = {"lock": {"address": 0}, "fan": {"address": 1}, "mode": {"address": 2}, "valve": {"address": 9}}
PROFILE = profile(POINTS, **{"class": "hvac"})
POLLS = 45


def held(unit: int, number: int, count: int) -> list[int]:
    """What a thermostat has in its registers when it is asked for the n-th time."""
    return [unit * 1000 + number] * count


@pytest.mark.parametrize("late", [0.0, 0.3])
async def test_late_answers_cost_few_values_and_none_is_wrong(late: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thermostats of which a third answers after 1.5 time-outs: no value of another request, and at most a quarter is missing.

    Without late answers each poll is one request.
    """
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    devices = [device(unit) for unit in UNITS]
    missing = 0
    with PacedLine(UNITS, held, 19200, late=late, by=0.45) as line:
        bus = Bus(id="bus", gateway="gw", protocol="modbus", framing="rtu", serial_port=line.port, baud=19200)
        driver = Modbus(BusContext(bus, devices, Clock(), nothing_kept, lambda _: None))
        for poll in range(POLLS):
            one = devices[poll % len(devices)]
            try:
                row = await driver.read(one)
            except DriverError:
                missing += 1
                continue
            last = max(a.number for a in line.asked if a.unit == one.unit_id)
            assert row.values == dict.fromkeys(PROFILE.points, float(held(one.unit_id or 0, last, 1)[0]))
        await driver.close()
        asked = list(line.asked)
    if late:
        assert len([a for a in asked if a.late]) >= POLLS * late / 2
        assert missing <= POLLS / 4
    else:
        assert (len(asked), missing) == (POLLS, 0)
