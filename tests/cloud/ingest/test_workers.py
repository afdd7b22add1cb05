"""Ingest workers beside a leader, as processes on one PostgreSQL, one InfluxDB and one broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.sites.entering import By, enter_site
from cloud.telemetry.open import open_telemetry
from contract.reading import Row
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Metric
from simulators.foreign_node import ForeignNode
from simulators.stack.broker import free_port
from simulators.stack.influxd import Influxd
from tests.cloud import tables
from tests.cloud.ingest.conftest import GROUP, Broker, foreign
from tests.cloud.ingest.outbox_node import OutboxNode, outbox_node
from tests.waiting import until

DEVICES = ("c1-e-main", "c1-e-lift")
POINT = "energy_import"
_BD_SEQ = Metric(name="bdSeq", datatype=DataType.INT64, long_value=0)


class Fleet:
    """A leader and workers, of which none runs yet."""

    def __init__(self, engine: sa.Engine, broker: Broker, telemetry: str, folder: Path) -> None:
        self.engine, self.broker, self.processes = engine, broker, broker.processes
        self.ports: dict[str, int] = {}
        self.telemetry = open_telemetry(telemetry)
        self._token = tokens.issue(engine, "metrics", Role.ADMIN, by="test", at=0)
        self._folder = folder
        self._environment = {
            "JIEYUE_DATABASE": engine.url.render_as_string(hide_password=False),
            "JIEYUE_TELEMETRY": telemetry,
            "JIEYUE_MQTT_PORT": str(broker.port),
            "JIEYUE_HOST_ID": "fleet",
        }

    async def start(self, **roles: str) -> None:
        """Start processes with a role and an interface each, and wait until they are ready."""
        for name, role in roles.items():
            self.ports[name] = free_port()
            own = {"JIEYUE_DATA": str(self._folder / name), "JIEYUE_PORT": str(self.ports[name])}
            (self._folder / name).mkdir(exist_ok=True)
            self.processes.python(name, "cloud", "serve", "--role", "api", "--role", role, environment=self._environment | own)
        await until(lambda: {self.status(name) for name in roles} == {200} or self.processes.dead(), 60.0)
        assert not self.processes.dead(), [self.log(name) for name in roles]

    def status(self, name: str) -> int:
        """What its health check answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/healthz", timeout=2).status_code
        except httpx.TransportError:
            return 0

    def log(self, name: str) -> str:
        """What it logged."""
        return self.processes.log(name).read_text(encoding="utf-8")

    def stored(self, name: str) -> int:
        """How many readings a process says that it stored."""
        address, headers = f"http://127.0.0.1:{self.ports[name]}/metrics", {"Authorization": f"Bearer {self._token}"}
        said = httpx.get(address, headers=headers, timeout=10).raise_for_status().text
        return int(float(next(line.split()[1] for line in said.splitlines() if line.startswith("jieyue_ingest_readings_total "))))

    def values(self, device: str, point: str = POINT, device_class: str = "electricity") -> list[tuple[int, float | None]]:
        """What the time-series store has of a point."""
        return [(r.at, r.value) for r in self.telemetry.series(GROUP, device_class, device, point, 0, 1 << 42)]

    def rows(self, table: sa.Table) -> list[dict[str, Any]]:
        """Rows of a table."""
        with self.engine.connect() as connection:
            return [dict(found) for found in connection.execute(sa.select(table)).mappings()]

    def foreign(self) -> AbstractAsyncContextManager[ForeignNode]:
        """A connected edge node of another maker."""
        return foreign(self.broker, "f1", GROUP)


@pytest.fixture
def fleet(open_registry: Callable[[str], sa.Engine], broker: Broker, influxd: Influxd, tmp_path: Path) -> Iterator[Fleet]:
    engine = open_registry("postgresql")
    enter_site(engine, load_site(shipped_site("lizhou")), By("test", 0, date(2020, 1, 1)))
    made = Fleet(engine, broker, influxd.url(f"t{tmp_path.name}"), tmp_path)
    yield made
    broker.processes.stop()
    made.telemetry.close()


def rows(node: OutboxNode, device: str, number: int) -> list[Row]:
    """Rows of a device of the last hours, each with a time and a value of its own."""
    first = len(node.rows)
    return [Row(device, node.begin + 100 * n, {POINT: 100.0 + n / 16}) for n in range(first, first + number)]


def as_stored(node: OutboxNode, device: str) -> list[tuple[int, float | None]]:
    """What the store must have of a device: each row once, with its value and time."""
    return sorted((row.at, row.values[POINT]) for row in node.rows.values() if row.device == device)


async def sharing(fleet: Fleet, node: OutboxNode, workers: int) -> None:
    """Send rows until the leader leaves them to so many workers."""
    await node.born(*DEVICES)
    while f'"workers": {workers}' not in fleet.log("lead"):
        await node.commit(rows(node, DEVICES[0], 10))
        await node.empty()


async def test_two_workers_share_and_the_leader_takes_the_rest(fleet: Fleet) -> None:
    """What nobody may lose is stored once, though a worker is killed; other makers' nodes and wrong clocks are the leader's."""
    await fleet.start(lead="leader", w1="ingest", w2="ingest")
    async with (
        outbox_node(fleet.broker, "gw-c1", GROUP) as one,
        outbox_node(fleet.broker, "gw-c2", GROUP) as other,
        fleet.foreign() as stranger,
    ):
        await sharing(fleet, one, 2)
        await other.born("c2-e-main")
        await _killed_in_the_middle(fleet, one, other)
        await _the_leader_rests(fleet, one)
        await _said_by_aliases(fleet, stranger, one.now() - 1000)
        await _with_a_wrong_clock(fleet, one)
        for node, device in ((one, DEVICES[0]), (one, DEVICES[1]), (other, "c2-e-main")):
            assert fleet.values(device) == as_stored(node, device)
    assert not any("Traceback" in fleet.log(name) for name in ("lead", "w1", "w2"))


async def _killed_in_the_middle(fleet: Fleet, one: OutboxNode, other: OutboxNode) -> None:
    """Two gateways send to two workers, one of which is killed and started again: both store, and all is acknowledged."""
    for number in range(40):
        await one.commit(rows(one, DEVICES[1], 50))
        await other.commit(rows(other, "c2-e-main", 50))
        if number == 10:
            await until(lambda: fleet.stored("w1") > 0 and fleet.stored("w2") > 0)
            fleet.processes.kill("w1")
        if number == 30:
            await fleet.start(w1="ingest")
    await one.empty()
    await other.empty()
    assert fleet.stored("w2") >= 1000
    while not fleet.stored("w1"):
        await one.commit(rows(one, DEVICES[1], 50))
        await one.empty()


async def _the_leader_rests(fleet: Fleet, node: OutboxNode) -> None:
    """Some seconds after its birth workers store nearly all of what a gateway sends, and the leader acknowledges none of it."""

    async def stored_by_the_leader(number: int) -> int:
        before = fleet.stored("lead")
        for _ in range(number):
            await node.commit(rows(node, DEVICES[0], 50))
            await node.empty()
        return fleet.stored("lead") - before

    async with asyncio.timeout(60):
        while await stored_by_the_leader(1):
            pass
    assert await stored_by_the_leader(10) < 50  # of 500


async def _said_by_aliases(fleet: Fleet, node: ForeignNode, begin: int) -> None:
    """A node of another maker says each value once, by an alias: the leader hears all of it in its order, and asks for nothing."""
    await node.say("NBIRTH", _BD_SEQ)
    await node.say("DBIRTH", Metric(name="level", alias=1, datatype=DataType.DOUBLE, double_value=-1), device="tank")
    for number in range(600):
        await node.say("DDATA", Metric(alias=1, timestamp=begin + number, double_value=number), device="tank")
    await until(lambda: len(fleet.values("tank", "level", "foreign")) > 600)
    assert fleet.values("tank", "level", "foreign")[:-1] == [(begin + number, float(number)) for number in range(600)]
    assert node.rebirths() == 0


async def _with_a_wrong_clock(fleet: Fleet, node: OutboxNode) -> None:
    """A gateway's clock goes five minutes behind: the leader judges it by its fifth measurement, and all is stored as it was sent."""
    node.off = -300_000
    for _ in range(8):
        await node.commit([Row(DEVICES[1], node.now(), {POINT: 100.0})])
        await node.empty()
        await until(partial(_later, node, node.now() // 1000))  # another time of measurement
    judged = [(found["source"], found["state"], round(found["offset_to_ms"] / 1000)) for found in fleet.rows(tables.clock_offset)]
    assert judged == [("gw-c1", "open", -300)]
    assert [found["node"] for found in fleet.rows(tables.handed)] == ["gw-c1"]


def _later(node: OutboxNode, second: int) -> bool:
    """Whether that second is over by a node's clock."""
    return node.now() // 1000 > second


async def test_the_leader_is_replaced_while_workers_go_on(fleet: Fleet) -> None:
    """It is killed: what gateways send is stored and acknowledged meanwhile, and another is the host within ten seconds, births too."""
    await fleet.start(lead="leader")
    await fleet.start(standby="leader", w1="ingest")
    async with outbox_node(fleet.broker, "gw-c1", GROUP) as node, fleet.foreign() as watch:
        await sharing(fleet, node, 1)
        fleet.processes.kill("lead")
        since, before = node.now(), fleet.stored("w1")
        await node.commit(rows(node, DEVICES[1], 200))
        await node.empty()
        assert fleet.stored("w1") >= before + 200
        await watch.until(lambda: any(online and at >= since for online, at in watch.states()))
        assert node.now() - since <= 10_000
        await watch.say(
            "NBIRTH",
            _BD_SEQ,
            Metric(name="power", datatype=DataType.DOUBLE, double_value=4.5),
        )
        await until(lambda: fleet.values("f1", "power", "gateway") != [])
        assert fleet.values(DEVICES[1]) == as_stored(node, DEVICES[1])
