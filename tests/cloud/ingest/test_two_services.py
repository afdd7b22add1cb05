"""Several processes of the service: on PostgreSQL one does each part and another takes it over; on SQLite one does all."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.alerts.ruleset import SHIPPED
from cloud.ledger.periods import HOUR_MS
from cloud.platform.database import writing
from cloud.platform.leading import SILENCE
from cloud.sites.entering import By, enter_site
from contract.clock import Clock
from contract.site import load_site
from contract.sitefolder import shipped_site
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Metric
from simulators.foreign_node import ForeignNode
from simulators.stack.broker import free_port
from tests.cloud import tables
from tests.cloud.ingest.conftest import GROUP, Broker, foreign
from tests.waiting import until

BEGIN = 1_790_000_000_000 // HOUR_MS * HOUR_MS
_BD_SEQ = Metric(name="bdSeq", datatype=DataType.INT64, long_value=0)


def power(value: float) -> Metric:
    """A reading of the node itself."""
    return Metric(name="power", datatype=DataType.DOUBLE, double_value=value)


class Pair:
    """Two services, `a` and `b`, on one database, one telemetry store and one broker."""

    def __init__(self, engine: sa.Engine, broker: Broker, folder: Path) -> None:
        self.engine, self.processes, self.ports = engine, broker.processes, {"a": free_port(), "b": free_port()}
        self._broker = broker
        self._environment = {
            "JIEYUE_DATABASE": engine.url.render_as_string(hide_password=False),
            "JIEYUE_TELEMETRY": f"sqlite:///{folder / 'telemetry.db'}",
            "JIEYUE_MQTT_PORT": str(broker.port),
            "JIEYUE_HOST_ID": "pair",
            "JIEYUE_RULES": str(folder / "rules"),
        }
        self._folder = folder
        rule = (SHIPPED / "gateway_offline.yaml").read_text(encoding="utf-8")
        (folder / "rules").mkdir()
        (folder / "rules" / "gateway_offline.yaml").write_text(rule.replace("fire_after: 2min", "fire_after: 5s"), encoding="utf-8")

    async def start(self, name: str, *arguments: str) -> None:
        """Start one and wait until it is ready."""
        own = {"JIEYUE_DATA": str(self._folder / name), "JIEYUE_PORT": str(self.ports[name])}
        (self._folder / name).mkdir(exist_ok=True)
        self.processes.python(name, "cloud", "serve", *arguments, environment=self._environment | own)
        await until(lambda: self.status(name) == 200 or self.processes.dead())
        assert not self.processes.dead(), self.log(name)

    def status(self, name: str) -> int:
        """What its health check answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/healthz", timeout=2).status_code
        except httpx.TransportError:
            return 0

    def edge(self) -> AbstractAsyncContextManager[ForeignNode]:
        """A connected edge node of another maker."""
        return foreign(self._broker, "f1", GROUP)

    def log(self, name: str) -> str:
        """What it logged."""
        return self.processes.log(name).read_text(encoding="utf-8")

    def touch(self, hours: Iterable[int]) -> None:
        """Touch hours of a meter, by their number."""
        with writing(self.engine).begin() as connection:
            meters = sa.select(tables.meter.c.id).where(tables.meter.c.device.is_not(None))
            meter = connection.execute(meters.limit(1)).scalar_one()
            rows = [{"grp": GROUP, "meter": meter, "hour": BEGIN + hour * HOUR_MS, "generation": 1} for hour in hours]
            connection.execute(tables.touched.insert(), rows)

    def waiting(self) -> int:
        """How many touched hours wait."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(tables.touched)).scalar_one()

    def settled(self, name: str, token: str) -> int:
        """How many hours a service says that it settled."""
        address = f"http://127.0.0.1:{self.ports[name]}/metrics"
        said = httpx.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=10).raise_for_status().text
        return int(float(next(line.split()[1] for line in said.splitlines() if line.startswith("jieyue_ledger_hours_settled_total "))))

    def fired(self) -> list[tuple[str, int]]:
        """How often each alert fired."""
        history = tables.alert_history.c
        query = sa.select(history.alert, sa.func.count()).where(history.event == "fired").group_by(history.alert)
        with self.engine.connect() as connection:
            return [(alert, number) for alert, number in connection.execute(query)]

    def latest(self, point: str) -> list[float]:
        """The newest value of a point of the node `f1`, if it was stored."""
        with self.engine.connect() as connection:
            latest = tables.latest
            return list(connection.execute(sa.select(latest.c.value).where(latest.c.device == "f1", latest.c.point == point)).scalars())


@pytest.fixture
def pair(open_registry: Callable[[str], sa.Engine], broker: Broker, tmp_path: Path) -> Iterator[Pair]:
    """Two services, of which none runs yet."""
    engine = open_registry("postgresql")
    enter_site(engine, load_site(shipped_site("lizhou")), By("test", 0, date(2020, 1, 1)))
    yield Pair(engine, broker, tmp_path)
    for name in {"a", "b"} - {*broker.processes.dead()}:
        with contextlib.suppress(KeyError):  # it never began
            broker.processes.signal(name, signal.SIGCONT)


async def _taken_over(pair: Pair, node: ForeignNode, since: int) -> None:
    """Wait until the second says that it is the host; that is within ten seconds of what happened to the first, and a little."""
    await node.until(lambda: any(online and at >= since for online, at in node.states()))
    assert Clock().now_ms() - since <= 1000 * (SILENCE + 4)
    await node.say("NDATA", power(2.0))
    await until(lambda: pair.latest("power") == [2.0])
    assert pair.status("b") == 200


async def test_nothing_is_counted_or_told_twice_though_the_first_is_killed(pair: Pair) -> None:
    """Both are ready, and one works; hours are settled once each by whoever is at it, each alert fires once, and the host is taken over."""
    token = tokens.issue(pair.engine, "metrics", Role.ADMIN, by="test", at=0)
    await pair.start("a")
    await pair.start("b")
    assert "role taken" not in pair.log("b")
    async with pair.edge() as node:
        await node.say("NBIRTH", _BD_SEQ, power(1.0))
        pair.touch(range(50))
        await until(lambda: not pair.waiting())
        await until(lambda: pair.latest("power") == [1.0])
        assert (pair.settled("a", token), pair.settled("b", token)) == (50, 0)
        pair.processes.kill("a")
        await _taken_over(pair, node, Clock().now_ms())
    await until(lambda: pair.log("b").count("role taken") == 4)
    pair.touch(range(50, 100))
    await until(lambda: not pair.waiting())
    assert pair.settled("b", token) == 50
    await until(lambda: len(pair.fired()) == len(load_site(shipped_site("lizhou")).gateways))
    assert {number for _, number in pair.fired()} == {1}
    assert "Traceback" not in pair.log("a") + pair.log("b")


async def test_who_was_replaced_while_it_hung_is_no_host_any_more(pair: Pair) -> None:
    """It goes on, sees that another has its roles, waits for them, and is ready; the last STATE is the other's."""
    await pair.start("a")
    await pair.start("b")
    async with pair.edge() as node:
        await node.say("NBIRTH", _BD_SEQ, power(1.0))
        await until(lambda: pair.latest("power") == [1.0])
        pair.processes.signal("a", signal.SIGSTOP)
        await _taken_over(pair, node, Clock().now_ms())
        pair.processes.signal("a", signal.SIGCONT)
        await until(lambda: "role lost" in pair.log("a"))
        await until(lambda: pair.status("a") == 200)
        await node.say("NDATA", power(3.0))
        await until(lambda: pair.latest("power") == [3.0])
        await node.until(lambda: node.states()[-1][0])
    assert "Traceback" not in pair.log("a") + pair.log("b")


async def test_parts_run_where_they_are_asked_for(pair: Pair) -> None:
    """One has all roles but the interface's, the other serves what it stores; told to end, it leaves them to whoever waits."""
    parts = ("leader", "settlement", "alerting", "publishing")
    await pair.start("a", "--role", "api", *(word for part in parts for word in ("--role", part)))
    await pair.start("b", "--role", "api", "--role", "leader")
    assert all(any("role taken" in line and part in line for line in pair.log("a").splitlines()) for part in parts)
    assert "role taken" not in pair.log("b")
    async with pair.edge() as node:
        await node.say("NBIRTH", _BD_SEQ, power(1.0))
        await until(lambda: pair.latest("power") == [1.0])
        pair.processes.signal("a", signal.SIGTERM)
        await _taken_over(pair, node, Clock().now_ms())
    assert pair.log("b").count("role taken") == 1
    assert "Traceback" not in pair.log("a") + pair.log("b")


def test_on_sqlite_a_second_process_is_refused_in_one_line(entered: Callable[..., Path], tmp_path: Path, broker: Broker) -> None:
    """It names the database; one that only serves works beside the first. Nor does a worker share what SQLite holds."""
    data = entered(tmp_path / "data")
    processes = broker.processes
    own = {"JIEYUE_DATA": str(data), "JIEYUE_MQTT_PORT": str(broker.port)}
    processes.python("first", "cloud", "ingest", environment=own)
    processes.wait_for("first", lambda: "host online" in processes.log("first").read_text(encoding="utf-8"), seconds=30)
    busy = f"another process works on {data / 'registry.db'}; on SQLite one does all but serve --no-ingest"
    shared = "JIEYUE_DATABASE: expected a server that ingest workers and the leader share, got SQLite"
    for name, arguments, why in (
        ("second", ["serve"], busy),
        ("third", ["ingest"], busy),
        ("fourth", ["serve", "--role", "ingest"], shared),
    ):
        processes.python(name, "cloud", *arguments, environment=own | {"JIEYUE_PORT": str(free_port())})
        process = processes.release(name)
        assert process.wait(30) == 2
        said = processes.log(name).read_text(encoding="utf-8").splitlines()
        assert said[-1] == f"jieyue-cloud: {why}"
