"""Simulated terminals against the edge's own listener: what they measured is stored, whatever the link and the disk do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.clock import Clock
from contract.institution import Institution
from contract.operation import Text
from contract.reading import Row
from contract.site import Compound, Gateway, Site, Vehicle
from protocols.base import BusContext
from protocols.jt808.codec.bodies import message
from protocols.jt808.codec.fix import measured
from protocols.jt808.codec.frame import Frame, Splitter, decode, encode
from protocols.jt808.codec.location import Batch, Location
from protocols.jt808.codec.session_bodies import PlatformResponse, ResendRequest
from protocols.jt808.device.link import Link, edition, registration
from protocols.jt808.driver.listener import Listener
from protocols.jt808.model import Bus, Device
from protocols.jt808.model.phone import identity
from protocols.stage import Called
from simulators.site import simulate
from simulators.stack.broker import free_port
from tests.models import each, one
from tests.simulators.conftest import journal
from tests.waiting import until

NAME = Text(zh="车", en="Car")
EDITIONS = (2013, 2019)
FAST = 40.0
"""Times as fast as real: a car reports every quarter of a second."""


def car(year: int) -> Device:
    vehicle = Vehicle.model_validate({"plate": f"川H{year}", "kind": "sedan", "unit": "u", "protocol_year": year})
    return Device(id=f"car-{year}", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone=f"01000000{year}", vehicle=vehicle)


SITE = Site(
    id="s", name=NAME, group="510802", latitude=32.43, longitude=105.84, compounds=[Compound(id="c", name=NAME, buildings=[])],
    units=[Institution(id="u", name=NAME, compound="c", headcount=1, area=1.0)], gateways=[Gateway(id="gw")],
    buses=[Bus(id="cars", gateway="gw", protocol="jt808", port=0)], devices=[car(year) for year in EDITIONS],
)  # fmt: skip


class Platform:
    """The edge's listener at a port that stays, with a disk that can refuse."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock, self.port = folder, clock, free_port()
        self.rows: list[Row] = []
        self.batches: list[int] = []
        self.refusals = 0
        self.counted: list[str] = []

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("disk full")
        self.rows += rows
        self.batches.append(len(rows))

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        """The listener runs until the block ends."""
        bus = one(Bus, SITE.buses[0]).model_copy(update={"host": "127.0.0.1", "port": self.port})
        made = Listener(BusContext(bus, each(Device, SITE.devices), self.clock, self.commit, self.counted.append, folder=self.folder))
        task = asyncio.create_task(made.run())
        try:
            async with asyncio.timeout(10):
                await made.listening.wait()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def clock() -> Clock:
    return Clock(Clock().now_ms(), Clock().now_ms() / 1000, FAST)


async def test_what_terminals_measured_while_nobody_listened_arrives_in_batches(tmp_path: Path) -> None:
    """No listener at first, a disk that refuses twice, a listener that goes and comes: each acknowledged fix is stored as measured."""
    time = clock()
    platform = Platform(tmp_path, time)
    called = {"jt808": Called("127.0.0.1", platform.port)}
    async with simulate(SITE, tmp_path, time, flush_each=True, called=called) as endpoints:
        assert endpoints["jt808"] == {"host": "127.0.0.1", "port": platform.port}
        await until(lambda: len(journal(tmp_path)) >= 8)
        platform.refusals = 2
        async with platform.up():
            await until(lambda: {row.device for row in platform.rows} == {"car-2013", "car-2019"})
        gone = len(journal(tmp_path))
        await until(lambda: len(journal(tmp_path)) >= gone + 8)
        async with platform.up():
            measured = {(s["device"], s["at"]) for s in journal(tmp_path)}
            await until(lambda: measured <= {(row.device, row.at) for row in platform.rows})
            await until(lambda: measured <= {(s["device"], s["at"]) for s in journal(tmp_path) if s["acknowledged"] is not None})
    stored = {(row.device, row.at): row.values for row in platform.rows}
    acknowledged = [s for s in journal(tmp_path) if s["acknowledged"] is not None]
    assert all(stored[s["device"], s["at"]] == s["values"] for s in acknowledged)
    assert all(s["acknowledged"] >= s["at"] for s in acknowledged)
    assert max(platform.batches) >= 3
    assert platform.counted == ["outbox: refused the rows"]


async def test_without_an_address_terminals_are_silent(tmp_path: Path) -> None:
    """A site that is only served over Modbus keeps its vehicles to itself."""
    async with simulate(SITE, tmp_path, Clock()) as endpoints:
        assert endpoints == {"modbus": []}
    assert journal(tmp_path) == []


def test_a_position_carries_the_worlds_values_in_the_units_of_the_wire() -> None:
    """Tenths of km/h, km and litres, millionths of a degree, engine and fix as status bits."""
    values = {
        "latitude": 32.4386012, "longitude": 105.8456, "speed": 36.54, "course": 359.7, "ignition": 1.0, "located": 1.0,
        "odometer": 1234.56, "fuel_level": 40.04, "satellites": 11.0, "signal": None,
    }  # fmt: skip
    fix = measured(values, 1_790_000_000_000)
    assert (fix.latitude, fix.longitude, fix.speed, fix.course, fix.status) == (32.438601, 105.8456, 36.5, 0, 3)
    assert (fix.mileage_km, fix.fuel_l, fix.satellites, fix.signal) == (1234.6, 40.0, 11, None)
    assert fix.at() == 1_790_000_000_000


async def test_a_terminal_sends_again_what_the_platform_lacks() -> None:
    """0x8003 brings the same packages with the same numbers, and the message is answered."""
    device, came, again = car(2013), list[Frame](), list[Frame]()

    async def platform(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = Splitter()
        while data := await reader.read(4096):
            for frame in splitter.feed(data):
                assert isinstance(frame, Frame)
                (again if len(came) == 3 else came).append(frame)
                if len(came) == 3 and not again:
                    writer.write(encode(message(ResendRequest(came[0].seq, (2,)), device.phone, 0, 2013)))
                elif again:
                    writer.write(encode(message(PlatformResponse(came[-1].seq, 0x0704, 0), device.phone, 1, 2013)))
        writer.close()
        await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(platform, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    link = Link(reader, writer, device, Clock())
    hearing = asyncio.create_task(link.hear())
    fixes = tuple(Location.of(1_790_000_000_000 + 1000 * n, 32.4, 105.8) for n in range(80))
    try:
        assert await link.ask(Batch(1, fixes)) == PlatformResponse(came[-1].seq, 0x0704, 0)
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(ended.wait(), 10)
        server.close()
    assert [frame.package_number for frame in came] == [1, 2, 3]
    assert again == [came[1]]


@pytest.mark.parametrize(
    ("phone", "year", "spoken"),
    [("00000000013800138000", 2013, 2013), ("013800138000", 2019, 2019), ("0863012045067A1c", 2013, 2019), ("86301204506a", 2013, 2013)],
)
def test_a_phone_is_written_as_its_edition_s_header_can(phone: str, year: int, spoken: int) -> None:
    """Zeros in front come and go with the header; thirteen digits that count need the header of 2019."""
    device = car(year).model_copy(update={"phone": phone})
    sent = decode(encode(message(registration(device), identity(device.phone), 0, edition(device))))
    assert (edition(device), identity(sent.phone)) == (spoken, identity(phone))
