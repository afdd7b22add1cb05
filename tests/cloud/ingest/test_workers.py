"""Ingest workers beside a leader, as processes on one PostgreSQL, one InfluxDB and one broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import date
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
from contract.site import load_site, shipped_site
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
    """Rows of a device of the last minutes, a second apart, each with a value of its own."""
    begin = node.now() - 1000 * number
    return [Row(device, begin + 1000 * n, {POINT: 100.0 + n / 16}) for n in range(number)]


def as_stored(node: OutboxNode, device: str) -> list[tuple[int, float | None]]:
    """What the store must have of a device: each row once, with its value and time."""
    return sorted((row.at, row.values[POINT]) for row in node.rows.values() if row.device == device)


async def sharing(fleet: Fleet, node: OutboxNode, workers: int) -> None:
    """Send rows until the leader leaves them to so many workers."""
    await node.born(*DEVICES)
    while f"workers={workers}" not in fleet.log("lead"):
        await node.commit(rows(node, DEVICES[0], 10))
        await node.empty()


async def test_two_workers_share_and_lose_nothing_when_one_is_killed(fleet: Fleet) -> None:
    """Both store; one is killed in the middle and started again: each committed row is in the store once, and acknowledged."""
    await fleet.start(lead="leader", w1="ingest", w2="ingest")
    async with outbox_node(fleet.broker, "gw-c1", GROUP) as one, outbox_node(fleet.broker, "gw-c2", GROUP) as other:
        await sharing(fleet, one, 2)
        await other.born("c2-e-main")
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
        for node, device in ((one, DEVICES[0]), (one, DEVICES[1]), (other, "c2-e-main")):
            assert fleet.values(device) == as_stored(node, device)
        await one.commit(rows(one, DEVICES[1], 50))
        await one.empty()
        await until(lambda: fleet.stored("w1") > 0)
    assert fleet.stored("w2") > 1000
    assert not any("Traceback" in fleet.log(name) for name in ("lead", "w1", "w2"))


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
            Metric(name="bdSeq", datatype=DataType.INT64, long_value=0),
            Metric(name="power", datatype=DataType.DOUBLE, double_value=4.5),
        )
        await until(lambda: fleet.values("f1", "power", "gateway") != [])
        assert fleet.values(DEVICES[1]) == as_stored(node, DEVICES[1])


async def test_a_foreign_node_and_a_wrong_clock_are_the_leaders(fleet: Fleet) -> None:
    """Beside two workers: what a node says by aliases is stored whole and in its order; a clock five minutes behind is judged."""
    await fleet.start(lead="leader", w1="ingest", w2="ingest")
    async with outbox_node(fleet.broker, "gw-c1", GROUP) as node, fleet.foreign() as foreign:
        await sharing(fleet, node, 2)
        await foreign.say("NBIRTH", Metric(name="bdSeq", datatype=DataType.INT64, long_value=0))
        await foreign.say("DBIRTH", Metric(name="level", alias=1, datatype=DataType.DOUBLE, is_null=True), device="tank")
        begin = node.now() - 600_000
        for number in range(600):
            await foreign.say("DDATA", Metric(alias=1, timestamp=begin + number, double_value=number), device="tank")
        await until(lambda: len(fleet.values("tank", "level", "foreign")) >= 600)
        assert fleet.values("tank", "level", "foreign") == [(begin + number, float(number)) for number in range(600)]
        node.off = -300_000
        for _ in range(8):
            await node.commit([Row(DEVICES[1], node.now(), {POINT: 100.0})])
            await node.empty()
            second = node.now() // 1000
            await until(lambda second=second: node.now() // 1000 > second)  # another time of measurement
        judged = [(found["state"], round(found["offset_to_ms"] / 1000)) for found in fleet.rows(tables.clock_offset)]
        assert judged == [("open", -300)]
        assert [found["node"] for found in fleet.rows(tables.handed)] == ["gw-c1"]
        assert fleet.values(DEVICES[1]) == as_stored(node, DEVICES[1])
        assert foreign.rebirths() == 0


def test_stores_of_one_process_are_not_shared(entered: Callable[..., Path], tmp_path: Path, broker: Broker) -> None:
    """A worker on SQLite is refused in one line, and so is one that would lead as well."""
    data = entered(tmp_path / "data")
    own = {"JIEYUE_DATA": str(data), "JIEYUE_MQTT_PORT": str(broker.port)}
    said = {
        ("--role", "ingest"): "JIEYUE_DATABASE: expected a server that ingest workers and the leader share, got SQLite",
        ("--role", "ingest", "--role", "leader"): "--role: expected ingest or leader, got both; the leader stores what no worker takes",
    }
    for number, (arguments, line) in enumerate(said.items()):
        broker.processes.python(f"p{number}", "cloud", "serve", *arguments, environment=own)
        assert broker.processes.release(f"p{number}").wait(30) == 2
        assert broker.processes.log(f"p{number}").read_text(encoding="utf-8").splitlines()[-1] == f"jieyue-cloud: {line}"
