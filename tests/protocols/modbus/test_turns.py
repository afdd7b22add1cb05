"""A serial port on which other protocols are spoken too: the driver has it only while it asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import serial

from contract.clock import Clock
from protocols.base import BusContext
from protocols.modbus.driver.master import Modbus
from tests.modbus_devices import device, nothing_kept, profile

if TYPE_CHECKING:
    from tests.slave import Slave

MODEL = profile({"voltage_a": {"address": 0, "unit": "V"}})


async def test_a_port_that_is_shared_is_left_after_each_request(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program may open it between two polls, and while it has its turn nothing is asked."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: MODEL)
    slave, turn = make_slave("rtu"), asyncio.Lock()
    async with slave.bus() as bus:
        driver = Modbus(BusContext(bus, [device(1)], Clock(), nothing_kept, lambda _: None, turn=turn))
        assert (await driver.read(device(1))).values == {"voltage_a": 100.0}
        async with turn:
            waiting = asyncio.create_task(driver.read(device(1)))
            await asyncio.sleep(0.1)
            serial.Serial(bus.serial_port, exclusive=True).close()
            assert len(slave.asked) == 1
        assert (await waiting).values == {"voltage_a": 100.0}
        await driver.close()


async def test_a_port_of_its_own_stays_open(make_slave: type[Slave], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else opens it meanwhile."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: MODEL)
    slave = make_slave("rtu")
    async with slave.bus() as bus:
        driver = Modbus(BusContext(bus, [device(1)], Clock(), nothing_kept, lambda _: None))
        await driver.read(device(1))
        with pytest.raises(serial.SerialException):
            serial.Serial(bus.serial_port, exclusive=True)
        await driver.close()
