"""The past that is sent is what a gateway would have read."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import aiomqtt
import pytest

from contract import sparkplug, topics
from contract.clock import Clock
from contract.reading import Row
from contract.secret import named_secret
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.sparkplug import DataType, MetricDefinition
from contract.store import RESEND_AFTER, Ack
from contract.topics import Topic
from protocols.modbus.device.encoding import from_registers, to_registers
from protocols.modbus.model import Point
from simulators.history import HOUR, Access, Predecessor, expected, meters_of, packed, span
from simulators.stack.broker import Broker, prepare
from simulators.stack.processes import Processes
from simulators.stack.stack import _open
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
                if isinstance(mapped, Point):
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


def test_ctrl_c_ends_it_in_one_line(tmp_path: Path) -> None:
    """While a broker keeps it waiting: no traceback, and no exit code that says that all was stored."""
    passwords = [tmp_path / gateway.id for gateway in load_site(shipped_site("lizhou")).gateways]
    for path in passwords:
        path.write_text("x\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = [sys.executable, "-m", "simulators", "history", "--site", "lizhou", "--passwords", str(tmp_path)]
        command += ["--mqtt", f"127.0.0.1:{silent.getsockname()[1]}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(30)
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                said, complained = process.communicate(timeout=30)
    (last, *_) = complained.splitlines()[::-1]
    assert (last, process.returncode, said) == ("jieyue-sim: stopped before all of the past was stored; run it again", 1, "")
    assert "Traceback" not in complained


@pytest.mark.usefixtures("mosquitto")
async def test_a_deaf_cloud_is_sent_each_row_ever_more_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait for an acknowledgement is twice as long as the one before: n sendings take ten seconds times 2 ** (n - 1) - 1 at least."""
    monkeypatch.setattr("simulators.history.time", SimpleNamespace(monotonic=_fast))
    cloud = _DeafCloud()
    await _told(cloud, tmp_path)
    most = 1 + math.floor(math.log2((cloud.slow_for + _ON_THE_WAY) / RESEND_AFTER + 1))
    assert max(cloud.seen.values()) <= most


@pytest.mark.usefixtures("mosquitto")
async def test_a_cloud_that_is_slow_but_acknowledges_is_sent_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has more to do than it can within ten seconds, and a row that waits for its turn is not lost: each comes once."""
    monkeypatch.setattr("simulators.history.time", SimpleNamespace(monotonic=lambda: 3 * time.monotonic()))
    cloud = _SlowCloud()
    await _told(cloud, tmp_path)
    assert set(cloud.seen.values()) == {1}


ROWS = 30
_ON_THE_WAY = 5.0
"""Seconds of the fast clock that the first row may have taken to come."""


def _fast() -> float:
    """A clock that runs twenty times as fast, s."""
    return 20 * time.monotonic()


async def _told(cloud: _Cloud, folder: Path) -> None:
    """The past of a gateway in rows of one reading, told to a cloud over a real broker until all is acknowledged."""
    site = load_site(shipped_site("lizhou"))
    broker, processes = prepare(site, folder / "broker", "jieyue"), Processes(folder / "logs")
    processes.start("broker", broker.argv)
    processes.wait_for("broker", lambda: _open(broker.port), seconds=20)
    stored: list[int] = []
    polls = [Row("c1-e-main", at, {"energy_import": 1.0}) for at in range(ROWS)]
    rows = [("c1-e-main", 1, sparkplug.encode_rows([poll], historical=True)) for poll in polls]
    access = Access("127.0.0.1", broker.port, broker.folder / "passwords")
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(cloud.run(broker))
            tasks.create_task(Predecessor(site, "gw-c1", access, Clock(), stored.append).run(iter(rows)))
    finally:
        processes.stop()
    assert sum(stored) == ROWS
    assert set(cloud.seen) == set(range(1, ROWS + 1))


class _Cloud(ABC):
    """A host application that counts how often each row came, and acknowledges when it likes."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()

    async def run(self, broker: Broker) -> None:
        """Be there until all rows are acknowledged."""
        password = named_secret(broker.password_file("cloud"))
        async with aiomqtt.Client("127.0.0.1", broker.port, username="cloud", password=password) as client:
            await client.subscribe([(str(Topic("510802", "NBIRTH", "gw-c1")), 1), (str(Topic("510802", "DDATA", "gw-c1", "+")), 1)])
            await client.publish(topics.state("jieyue"), b'{"online": true, "timestamp": 1}', qos=1, retain=True)
            born = sparkplug.values(sparkplug.decode(bytes((await anext(client.messages)).payload)))
            self.outbox = str(born[sparkplug.STORE_OUTBOX])
            await self.serve(client)

    @abstractmethod
    async def serve(self, client: aiomqtt.Client) -> None:
        """Hear the rows and acknowledge them."""

    async def hear(self, client: aiomqtt.Client) -> None:
        """The next row."""
        place = sparkplug.store_seq(sparkplug.decode(bytes((await anext(client.messages)).payload)))
        assert place is not None
        self.seen[place] += 1

    async def acknowledge(self, client: aiomqtt.Client, first: int, last: int) -> None:
        """Say that some rows are stored."""
        ack = MetricDefinition(sparkplug.STORE_ACK, DataType.STRING, Ack(self.outbox, ((first, last),)).text())
        await client.publish(str(Topic("510802", "NCMD", "gw-c1")), sparkplug.command([ack], at=0), qos=1)


class _DeafCloud(_Cloud):
    """Acknowledges nothing for a minute of the fast clock, and then everything with the next row that comes."""

    slow_for = 0.0

    async def serve(self, client: aiomqtt.Client) -> None:
        began = 0.0
        while self.slow_for < 60:
            await self.hear(client)
            began = began or _fast()
            self.slow_for = _fast() - began
        await self.acknowledge(client, 1, ROWS)


class _SlowCloud(_Cloud):
    """Acknowledges six rows each second and a half, of which the clock makes four and a half."""

    async def serve(self, client: aiomqtt.Client) -> None:
        for first in range(1, ROWS + 1, 6):
            end = asyncio.get_running_loop().time() + 1.5
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    while True:
                        await self.hear(client)
            await self.acknowledge(client, first, first + 5)
