"""Rows that come late through a real gateway, from simulated terminals to the stores: old is not doubtful, a wrong clock is."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud.telemetry.base import Line as Stored
from cloud.telemetry.base import Refused
from cloud.telemetry.sqlite import SqliteTelemetry
from contract.clock import Clock
from contract.institution import Institution
from contract.operation import Text
from contract.reading import Quality
from contract.site import Compound, Site, Vehicle
from contract.site import Gateway as GatewayId
from edge.app import Gateway
from edge.settings import Settings
from protocols.jt808.model import Bus, Device
from protocols.stage import CLOCK, Called
from simulators.faults import FILE, Faults
from simulators.site import simulate
from simulators.stack.broker import free_port
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
FAST = 20.0
"""Times as fast as real: a car reports twice a second, and 120 s are 6."""
BLIND = 180_000
NAME = Text(zh="车", en="Car")
CAR = Device(
    id="car-1", name=NAME, profile="vehicle/jtt808-terminal", bus="cars", phone="010000000001",
    vehicle=Vehicle.model_validate({"plate": "川H00001", "kind": "sedan", "unit": "u"}),
)  # fmt: skip
SITE = Site(
    id="s", name=NAME, group="510802", latitude=32.43, longitude=105.84, compounds=[Compound(id="c", name=NAME, buildings=[])],
    units=[Institution(id="u", name=NAME, compound="c", headcount=1, area=1.0)], gateways=[GatewayId(id="gw")],
    buses=[Bus(id="cars", gateway="gw", protocol="jt808", port=0)], devices=[CAR],
)  # fmt: skip


class Slow(SqliteTelemetry):
    """A store that waits until the test lets it, so that nothing is acknowledged."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.may = threading.Event()

    def write(self, batch: Sequence[Stored]) -> list[Refused]:
        """Wait, then write."""
        self.may.wait(60)
        return super().write(batch)


class Road:
    """A car whose terminal calls a gateway's listener, and what the cloud has of it."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud, self.folder, self.port = cloud, folder, free_port()
        cloud.clock = self.clock = Clock(Clock().now_ms(), Clock().now_ms() / 1000, FAST)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[Gateway]:
        """Everything runs until the block ends, and the gateway has a session."""
        settings = {
            "gateway": "gw", "site": "s", "data": self.folder / "edge", "host_id": "host1", "clock": "trusted",
            "broker": {"port": self.cloud.broker.port}, "buses": {"cars": {"host": "127.0.0.1", "port": self.port}},
        }  # fmt: skip
        gateway = Gateway(Settings.model_validate(settings), SITE, self.clock)
        called = {"jt808": Called("127.0.0.1", self.port)}
        async with self.cloud.running():
            running = asyncio.create_task(gateway.run())
            try:
                async with asyncio.timeout(20):
                    await gateway.uplink.online.wait()
                async with simulate(SITE, self.folder, self.clock, flush_each=True, called=called):
                    yield gateway
                assert not running.done(), "the gateway ended by itself"
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                gateway.outbox.close()

    def measured(self) -> list[int]:
        """When the terminal measured."""
        lines = (self.folder / "said.jsonl").read_text(encoding="utf-8").splitlines()
        return sorted({json.loads(line)["at"] for line in lines})

    def stored(self) -> dict[int, Quality]:
        """By time of measurement, what the store says of the car's speed."""
        with self.cloud.engine.connect() as connection:
            known = connection.execute(tables.device.select().filter_by(id=CAR.id)).one_or_none()
        if known is None:
            return {}
        found = self.cloud.telemetry.series(SITE.group, getattr(known, "class"), CAR.id, "speed", 0, 2**60)
        return {reading.at: reading.quality for reading in found}

    def events(self) -> list[str]:
        """Subjects of clock faults."""
        with self.cloud.engine.connect() as connection:
            return [found.subject for found in connection.execute(tables.event.select().filter_by(kind="clock_fault"))]


@pytest.fixture
def road(cloud: Cloud, tmp_path: Path) -> Road:
    return Road(cloud, tmp_path)


async def test_positions_of_a_blind_area_are_good(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three minutes without a listener, then all in a 0x0704: each is stored with its time as good, and no clock is blamed."""
    monkeypatch.setattr("protocols.jt808.driver.listener.RETRY", 0.1)
    with socket.socket() as nobody:  # has the port, but takes no call
        nobody.bind(("127.0.0.1", road.port))
        async with road.busy():
            await road.cloud.until(lambda: (m := road.measured()) and m[-1] - m[0] >= BLIND)
            measured = road.measured()
            assert road.stored() == {}
            nobody.close()
            await road.cloud.until(lambda: set(road.measured()) <= road.stored().keys())
    assert len(measured) >= BLIND // 10_000
    assert {road.stored()[at] for at in measured} == {Quality.GOOD}
    assert set(road.stored().values()) == {Quality.GOOD}
    assert road.events() == []


async def test_rows_that_a_slow_uplink_kept_waiting_are_good(road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Live positions that waited up to three minutes for room in the window are stored as good, and no clock is blamed."""
    monkeypatch.setattr("edge.send_window.MAX_ROWS_IN_FLIGHT", 2)
    road.cloud.telemetry = slow = Slow(tmp_path / "slow.db")
    async with road.busy():
        await road.cloud.until(lambda: (m := road.measured()) and m[-1] - m[0] >= BLIND)
        measured = road.measured()
        slow.may.set()
        await road.cloud.until(lambda: set(measured) <= road.stored().keys())
    assert {road.stored()[at] for at in measured} == {Quality.GOOD}
    assert road.events() == []
    slow.close()


async def test_a_terminal_whose_clock_is_wrong_is_still_found(road: Road, tmp_path: Path) -> None:
    """Positions ten minutes behind, one after the other, are suspect from the fifth on, and an event names the car."""
    Faults(tmp_path / FILE).set(CAR.id, CLOCK, -600.0, 0)
    async with road.busy():
        await road.cloud.until(lambda: Quality.SUSPECT in road.stored().values())
    assert Quality.SUSPECT in road.stored().values()
    assert set(road.events()) == {CAR.id}
