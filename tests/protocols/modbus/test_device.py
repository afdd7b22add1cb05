"""The simulated bus is read with a pymodbus client, as any tool would."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from contract.clock import Clock
from contract.operation import Text
from protocols.modbus.device import server as modbus_device
from protocols.modbus.device.server import Answer, serve_bus
from protocols.modbus.model import Bus, Device, Point, Profile
from protocols.modbus.model.forms import Table

PROFILE = Profile.model_validate(
    {
        "maker": "Test",
        "model": "One",
        "class": "hvac",
        "protocol": "modbus",
        "sources": ["made for the test"],
        "points": {
            "setpoint": {
                "address": 3, "scale": "0.1", "unit": "degC", "writable": True, "limits": {"min": 5, "max": 35},
            },
            "on": {"table": "coil", "address": 18, "type": "bool", "writable": True, "write_function": 5, "values": {0: "off", 1: "on"}},
            "room_temperature": {"table": "input", "address": 3, "type": "int16", "scale": "0.1", "unit": "degC", "invalid": [32767]},
            "co2": {"table": "input", "address": 40, "unit": "ppm"},
            "power": {"address": 100, "type": "float32", "order": "CDAB", "scale": "0.001", "unit": "kW", "ratio": "ct_pt"},
        },
    }
)  # fmt: skip
START = 1_750_000_000_000


class Shelf:
    """A world that holds what it was given."""

    def __init__(self) -> None:
        self.held: dict[str, float | None] = {"setpoint": 25.0, "on": 1.0, "room_temperature": -3.5, "co2": 612.0, "power": 1234500.0}
        self.writes: list[tuple[str, str, float, int]] = []

    def values(self, device_id: str, at_ms: int) -> dict[str, float | None]:
        """What is held, at the one time of this test."""
        assert device_id in {"one", "two"}
        assert at_ms == START
        return self.held

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """Hold a value and remember the write."""
        self.writes.append((device_id, point, value, at_ms))
        self.held[point] = value


@asynccontextmanager
async def served(framing: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[AsyncModbusTcpClient, Shelf, list[Answer]]]:
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    monkeypatch.setattr(Clock, "now_ms", lambda _: START)
    bus = Bus.model_validate({"id": "b", "gateway": "g", "protocol": "modbus", "framing": framing, "port": 0})
    devices = [Device(id=i, name=Text(zh=i, en=i), profile="test", bus="b", unit_id=u, ct=100, pt=10) for i, u in (("one", 7), ("two", 8))]
    shelf, journal = Shelf(), list[Answer]()
    async with serve_bus(bus, devices, shelf, Clock(), journal.append) as (host, port):
        framer = FramerType.SOCKET if framing == "tcp" else FramerType.RTU
        client = AsyncModbusTcpClient(host, port=port, framer=framer, timeout=0.3, retries=0)
        assert await client.connect()
        try:
            yield client, shelf, journal
        finally:
            client.close()


BOTH = pytest.mark.parametrize("framing", ["tcp", "rtu_over_tcp"])


@BOTH
async def test_registers_are_the_worlds_values(framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scale, sign, word order and CT x PT reach the wire as the profile says, for every unit id of the line."""
    async with served(framing, monkeypatch) as (client, _, journal):
        assert (await client.read_holding_registers(3, count=1, device_id=7)).registers == [250]
        assert (await client.read_input_registers(3, count=1, device_id=8)).registers == [0x10000 - 35]
        low, high = (await client.read_holding_registers(100, count=2, device_id=7)).registers
        # 1 234.5 kW on the primary side is 1.2345 kW behind 100 x 10, in steps of 0.001 kW
        assert struct.unpack(">f", struct.pack(">HH", high, low))[0] == pytest.approx(1234.5)
        assert (await client.read_coils(18, count=1, device_id=7)).bits[0] is True
        assert journal[0] == Answer("one", 3, 3, 1, (250,), START, START)


@BOTH
async def test_a_written_set_point_is_read_back(framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write goes to the world once, in the point's unit, and the next read shows it."""
    async with served(framing, monkeypatch) as (client, shelf, journal):
        assert (await client.write_register(3, 265, device_id=7)).registers == [265]
        assert shelf.writes == [("one", "setpoint", 26.5, START)]
        assert (await client.read_holding_registers(3, count=1, device_id=7)).registers == [265]
        assert not (await client.write_coil(18, value=False, device_id=7)).isError()
        assert (await client.read_coils(18, count=1, device_id=7)).bits[0] is False
        assert [a.function for a in journal] == [6, 3, 5, 1]


async def test_forbidden_writes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside the limits, on a read-only point, with a function the device lacks: an exception and no write."""
    async with served("tcp", monkeypatch) as (client, shelf, _):
        assert (await client.write_register(3, 400, device_id=7)).exception_code == 3
        assert (await client.write_registers(100, [0, 0], device_id=7)).exception_code == 2
        assert (await client.write_registers(3, [250], device_id=7)).exception_code == 1
        assert shelf.writes == []


async def test_no_value_is_said_as_the_device_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken sensor shows its invalid raw value where the map has one, and is an exception where it has none."""
    async with served("tcp", monkeypatch) as (client, shelf, journal):
        shelf.held["room_temperature"] = shelf.held["co2"] = None
        assert (await client.read_input_registers(3, count=1, device_id=7)).registers == [32767]
        assert (await client.read_input_registers(40, count=1, device_id=7)).exception_code == 4
        assert [a.exception for a in journal] == [0, 4]


@BOTH
async def test_an_absent_id_stays_silent(framing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers for an id that is not on the line, and the others still do."""
    async with served(framing, monkeypatch) as (client, _, _journal):
        with pytest.raises(ModbusIOException):
            await client.read_holding_registers(3, count=1, device_id=9)
        await client.connect()
        assert (await client.read_holding_registers(3, count=1, device_id=7)).registers == [250]


async def test_unknown_addresses_and_tables_are_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device answers for its own registers only."""
    async with served("tcp", monkeypatch) as (client, _, _journal):
        assert (await client.read_holding_registers(2000, count=2, device_id=7)).exception_code == 2
        assert (await client.read_input_registers(3, count=10, device_id=7)).exception_code == 2
        assert (await client.read_discrete_inputs(0, count=1, device_id=7)).exception_code == 1


def crc(frame: bytes) -> bytes:
    """The check of Modbus RTU, low byte first."""
    check = 0xFFFF
    for byte in frame:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0xA001 if check & 1 else 0)
    return check.to_bytes(2, "little")


async def test_a_serial_line_speaks_rtu(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a serial port the answer is the frame that the standard says, byte for byte."""
    monkeypatch.setattr("contract.site.load_profile", lambda _: PROFILE)
    monkeypatch.setattr(Clock, "now_ms", lambda _: START)
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    bus = Bus(id="b", gateway="g", protocol="modbus", framing="rtu", serial_port=os.ttyname(far), baud=9600)
    device = Device(id="one", name=Text(zh="a", en="a"), profile="test", bus="b", unit_id=7)
    loop = asyncio.get_running_loop()
    answer, came = bytearray(), asyncio.Event()

    def take() -> None:
        answer.extend(os.read(near, 64))
        if len(answer) >= 7:
            came.set()

    loop.add_reader(near, take)
    async with serve_bus(bus, [device], Shelf(), Clock(), list[Answer]().append) as address:
        assert address == (os.ttyname(far), 0)
        ask = bytes([7, 3, 0, 3, 0, 1])
        os.write(near, ask + crc(ask))
        await asyncio.wait_for(came.wait(), 5)
    loop.remove_reader(near)
    os.close(near)
    os.close(far)
    told = bytes([7, 3, 2, 0, 250])
    assert bytes(answer) == told + crc(told)


def test_holes_a_profile_allows_can_be_read_through() -> None:
    """Registers between two points are answered as long as the hole is not longer than max_hole."""
    points = {"voltage_a": Point(address=10), "voltage_b": Point(address=15), "voltage_c": Point(address=40)}
    profile = PROFILE.model_copy(update={"points": points, "max_hole": 8})
    blocks = modbus_device._blocks(profile, Table.HOLDING)
    assert [(b.address, len(b.values)) for b in blocks if isinstance(b.values, list)] == [(10, 6), (40, 1)]
