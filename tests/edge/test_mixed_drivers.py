"""What a gateway makes of drivers that can several things, and of buses that end at one serial port."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contract.clock import Clock
from contract.reading import Row
from contract.site import Device, Site
from edge.app import Gateway
from edge.settings import Settings
from protocols.base import BusContext
from protocols.modbus.model import Bus
from tests.modbus_devices import device, profile
from tests.sites import fields

MODEL = profile({"on": {"table": "coil", "type": "bool", "address": 0, "values": {0: "off", 1: "on"}}}, interval=0.1)


class Mixed:
    """Reads, writes and listens."""

    made: list[Mixed]

    def __init__(self, line: BusContext[Any, Any]) -> None:
        self.line, self.done = line, set[str]()
        Mixed.made.append(self)

    async def read(self, device: Device) -> Row:
        """Always on."""
        self.done.add("read")
        return Row(device.id, self.line.clock.now_ms(), {"on": 1.0})

    async def write(self, device: Device, point: str, value: float) -> float:
        """As it is asked to."""
        self.done.add(f"{device.id} {point}")
        return value

    async def close(self) -> None:
        """It holds nothing."""

    async def run(self) -> None:
        """Hear nothing, for ever."""
        self.done.add("heard")
        await asyncio.Event().wait()


def serial_bus(name: str, port: str, protocol: str = "modbus") -> Bus:
    bus = Bus(id=name, gateway="gw", protocol="modbus", framing="rtu", serial_port=port)
    return bus.model_copy(update={"protocol": protocol})


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> type[Mixed]:
    """Every protocol is spoken by it."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: MODEL)
    monkeypatch.setattr("edge.app.driver_of", lambda _: Mixed)
    Mixed.made = []
    return Mixed


async def test_a_driver_is_polled_and_heard(mixed: type[Mixed], tmp_path: Path) -> None:
    """One that does both was never polled."""
    site = Site.model_validate(fields(buses=[serial_bus("bus", "/dev/ttyS1")], devices=[device(1)]))
    gateway = Gateway(Settings(gateway="gw", site=".", data=tmp_path, clock="trusted"), site, Clock())
    running = asyncio.create_task(gateway.run())
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    gateway.outbox.close()
    (driver,) = mixed.made
    assert driver.done == {"read", "heard"}


def test_buses_of_one_serial_port_take_turns(mixed: type[Mixed], tmp_path: Path) -> None:
    """The port by either of its names; a bus with a port of its own waits for nobody."""
    (tmp_path / "meters").symlink_to("/dev/null")
    buses = [serial_bus("one", "/dev/null"), serial_bus("two", str(tmp_path / "meters"), "other"), serial_bus("three", "/dev/zero")]
    site = Site.model_validate(fields(buses=buses, devices=[]))
    Gateway(Settings(gateway="gw", site=".", data=tmp_path / "data", clock="trusted"), site, Clock()).outbox.close()
    one, two, three = (driver.line.turn for driver in mixed.made)
    assert one is not None
    assert two is one
    assert three is None
