"""A real broker, the host application in this process, and an edge node of another maker, played by a plain MQTT client."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import sqlalchemy as sa

from cloud.alerts.repository import moments
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode, overdue
from cloud.ingest.host import Host
from cloud.ingest.lives import quiet
from cloud.ingest.node_cache import Known
from cloud.ingest.own import own_clock
from cloud.platform.database import writing
from cloud.settings import Settings
from cloud.telemetry.base import Telemetry
from contract import sparkplug, topics
from contract.clock import Clock
from contract.reading import Row
from contract.topics import Topic
from simulators.foreign_node import ForeignNode
from simulators.stack.broker import free_port
from simulators.stack.processes import Processes
from tests.cloud import tables, unsynced
from tests.waiting import listens

GROUP, HOST = "510802", "host1"
PATIENCE = 20.0
REORDER, ANSWER, SILENCE = 2000, 10_000, 300_000
NOW = 1_790_000_000_000


@dataclass
class Line:
    """Decode and commit without a broker: what the host does with messages, one batch after the other."""

    engine: sa.Engine
    telemetry: Telemetry
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        """Start as the service does."""
        self.restart()

    def restart(self) -> None:
        """Forget all that is not in the stores."""
        self.known = Known(self.engine)

    def feed(self, *messages: tuple[Topic, bytes], at: int = NOW) -> Batch:
        """One batch of messages that came at one time."""
        batch = decode([Message(str(topic), raw, at) for topic, raw in messages], self.known)
        overdue(batch, self.known, at, REORDER, ANSWER)
        quiet(batch, self.known, at, SILENCE, ANSWER)
        self.store(batch)
        return batch

    def store(self, batch: Batch) -> None:
        """Commit a batch as the service does."""
        store(batch, self.engine, self.telemetry, moments.bring_forward)

    def session(self, at: int) -> None:
        """The host connected anew."""
        decode([Message("", b"", at)], self.known)

    def wait(self, until: int) -> Batch:
        """Nothing comes until then."""
        return self.feed(at=until)

    def rows(self, table: sa.Table, **equal: object) -> list[dict[str, Any]]:
        """Rows of a table."""
        with self.engine.connect() as connection:
            query = sa.select(table).filter_by(**equal).order_by(*table.primary_key.columns)
            return [dict(found) for found in connection.execute(query).mappings()]

    def values(self, device: str, point: str, device_class: str = "foreign") -> list[tuple[int, float | None]]:
        """What the time-series store has of a point."""
        return [(r.at, r.value) for r in self.telemetry.series(GROUP, device_class, device, point, 0, 2 * NOW)]

    @staticmethod
    def row(device: str, at: int, store_seq: int, *, sent_at: int = 0, historical: bool = False, **values: float) -> bytes:
        """DATA as a gateway of ours sends it."""
        body = sparkplug.encode_rows([Row(device, at, dict(values))], historical=historical)
        return sparkplug.data(body, sent_at=sent_at or at, seq=0, store_seq=store_seq)

    def counter(self, device: str, gateway: str, *, meter: str = "", **more: object) -> None:
        """Enter a device of a gateway and the meter that counts by it."""
        self.insert(tables.device, grp=GROUP, id=device, **{"class": "electricity"}, name="{}", gateway=gateway, **more)
        self.insert(
            tables.meter, id=meter or device, name="{}", grp=GROUP, device=device, point="energy_import", energy="electricity", main=True,
            item="", vehicle_fuel=False,
        )  # fmt: skip

    def insert(self, table: sa.Table, **values: object) -> None:
        """Enter a row as the seed does."""
        with writing(self.engine).begin() as connection:
            connection.execute(sa.insert(table).values(**values))


@pytest.fixture
def line(database: sa.Engine, tmp_path: Path) -> Iterator[Line]:
    telemetry = unsynced.telemetry(tmp_path / "telemetry.db")
    yield Line(database, telemetry)
    telemetry.close()


@pytest.fixture
def site(line: Line) -> Line:
    """Five gateways with a meter each, none of them born."""
    for n in range(1, 6):
        line.counter(f"em-{n}", f"gw-{n}", interval=60.0)
    line.restart()
    return line


@dataclass
class Broker:
    """A mosquitto without users or rights, which writes down every packet."""

    port: int
    log: Path
    processes: Processes

    def start(self, more: str = "") -> None:
        """Start it with more settings than it needs, and wait until it listens."""
        config = self.log.with_suffix(".conf")
        plain = f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type all\nlog_dest stderr\n"
        config.write_text(plain + more, encoding="utf-8")
        self.processes.start("broker", ["mosquitto", "-c", str(config)])
        self.processes.wait_for("broker", lambda: listens(self.port), seconds=PATIENCE)

    def restart(self, more: str) -> None:
        """Stop it and start it with other settings."""
        self.processes.stop("broker")
        self.start(more)

    def packets(self) -> list[str]:
        """What the host's connection did, as mosquitto tells it, in order."""
        lines = [line.split(": ", 1)[-1] for line in self.log.read_text(encoding="utf-8").splitlines()]
        mine = re.compile(rf"New client connected .* as host-{HOST} |Will message specified|Received \w+ from host-{HOST}\b")
        return [line for line in lines if mine.match(line)]


@pytest.fixture
def broker(mosquitto: None, tmp_path: Path) -> Iterator[Broker]:
    del mosquitto  # only whether it is there
    processes = Processes(tmp_path / "logs")
    made = Broker(free_port(), tmp_path / "logs" / "broker.log", processes)
    made.start()
    yield made
    processes.stop()


@asynccontextmanager
async def foreign(broker: Broker, node: str, group: str) -> AsyncIterator[ForeignNode]:
    """A connected edge node that hears its commands and every STATE."""
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier=f"edge-{node}") as client:
        made = ForeignNode(client, group, node)
        wanted = [topics.state("+"), Topic(group, "NCMD", node), Topic(group, "DCMD", node, "+")]
        await client.subscribe([(str(topic), 1) for topic in wanted])
        hearing = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


@dataclass
class Cloud:
    """The host application on real stores, as a task of the test."""

    broker: Broker
    engine: sa.Engine
    telemetry: Telemetry
    clock: Clock = field(default_factory=Clock)
    settings: dict[str, Any] = field(default_factory=dict)
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self, stored: Callable[[Batch], object] = lambda _: None) -> AsyncIterator[Host]:
        """From online until the end of the block, where it is stopped as by an operator; `stored` sees each batch."""
        settings = Settings(mqtt_port=self.broker.port, host_id=HOST, **self.settings)

        def told(batch: Batch) -> None:
            stored(batch)
            self.stored.set()

        host = Host(settings, self.engine, self.telemetry, own_clock(self.clock), told, moments.bring_forward)
        task = asyncio.create_task(host.run())
        try:
            async with asyncio.timeout(PATIENCE):
                await host.online.wait()
            yield host
            assert not task.done(), "the host ended by itself"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def edge(self, node: str = "f1", group: str = GROUP) -> AbstractAsyncContextManager[ForeignNode]:
        """A connected edge node that hears its commands and every STATE."""
        return foreign(self.broker, node, group)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something in the stores: it may be there after each batch, or be written between them."""
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(condition):
                self.stored.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self.stored.wait()

    def latest(self, device: str) -> dict[str, float | None]:
        """Values of the newest readings."""
        query = sa.select(tables.latest.c.point, tables.latest.c.value).where(tables.latest.c.device == device)
        with self.engine.connect() as connection:
            return {found.point: found.value for found in connection.execute(query)}


@pytest.fixture
def cloud(broker: Broker, line: Line) -> Cloud:
    return Cloud(broker, line.engine, line.telemetry)
