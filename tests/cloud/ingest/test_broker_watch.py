"""What a real mosquitto refuses is counted and on record, with who tried, and the record is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cloud.devices import broker_refusals as refusals
from cloud.devices.broker_refusals import OTHERS, Key, Told, told_of
from cloud.ingest import broker_record, broker_watch
from cloud.ingest.broker_record import MOST
from cloud.ingest.broker_watch import REFUSED, BrokerWatch
from cloud.settings import Settings
from contract.clock import Clock
from contract.rights import BROKER_LOG, WATCH_USER
from contract.site import load_site
from contract.sitefolder import shipped_site
from simulators.stack.broker import Broker, prepare
from simulators.stack.processes import Processes
from tests.cloud import tables
from tests.waiting import listens, until

GROUP, HERE = "510802", "127.0.0.1"


@pytest.fixture
def broker(mosquitto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """The demo's broker with the shipped site's users; what it tells is on record at once."""
    _ = mosquitto
    monkeypatch.setattr(broker_watch, "WRITE_EVERY", 0.05)
    made, processes = prepare(load_site(shipped_site("lizhou")), tmp_path / "broker", "jieyue"), Processes(tmp_path / "logs")
    processes.start("broker", made.argv)
    processes.wait_for("broker", lambda: listens(made.port), seconds=20)
    yield made
    processes.stop()


@pytest.fixture
def registry(open_registry: Callable[[str], sa.Engine]) -> sa.Engine:
    return open_registry("sqlite")


@asynccontextmanager
async def watching(broker: Broker, registry: sa.Engine) -> AsyncIterator[BrokerWatch]:
    """The cloud's watch, from when it reads the broker's log."""
    settings = Settings(mqtt_port=broker.port, mqtt_watch_user=WATCH_USER, mqtt_watch_password_file=broker.password_file(WATCH_USER))
    watch = BrokerWatch(settings, registry, GROUP, Clock())
    read = asyncio.Event()
    heard = watch.heard

    def noting(line: str) -> None:
        read.set()
        heard(line)

    watch.heard = noting  # type: ignore[method-assign]
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(20):
        while not read.is_set():
            async with client(broker, "gw-c3"):  # each entry is a line of the log
                await asyncio.sleep(0)
    yield watch
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def client(broker: Broker, user: str, secret: str | None = None, name: str | None = None) -> aiomqtt.Client:
    found = secret or broker.password_file(user).read_text(encoding="utf-8").strip()
    return aiomqtt.Client(HERE, broker.port, username=user, password=found, identifier=name, timeout=5)


def told(registry: sa.Engine) -> dict[tuple[str, str], Told]:
    """What is on record."""
    with registry.connect() as connection:
        found = connection.execute(sa.select(tables.event)).all()
    return {(row.kind, row.subject): told for row in found if (told := told_of(row.detail))}


def counted(reason: str) -> float:
    return float(REFUSED.labels(reason)._value.get())


async def test_a_wrong_password_is_counted_and_names_who_tried(broker: Broker, registry: sa.Engine) -> None:
    """Its address, how often, and the client id where mosquitto tells it, which it does for a client without a user."""
    before = counted("not_authorised")
    async with watching(broker, registry):
        for _ in range(2):
            with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
                async with client(broker, "gw-c1", "wrong"):
                    pass
        await until(lambda: (refusals.REFUSED, HERE) in told(registry) and told(registry)[refusals.REFUSED, HERE].number == 2)
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            async with aiomqtt.Client(HERE, broker.port, identifier="who is this", timeout=5):
                pass
        await until(lambda: told(registry)[refusals.REFUSED, HERE] == Told("not_authorised", "who is this", 3))
    assert counted("not_authorised") == before + 3


async def test_two_programs_with_one_user_are_told(broker: Broker, registry: sa.Engine) -> None:
    """Each throws the other off; from the third time on it is on record with the user and the newest address."""
    async with watching(broker, registry):
        for _ in range(3):
            with suppress(aiomqtt.MqttError):
                async with client(broker, "gw-c1", name="a"), client(broker, "gw-c1", name="b"):
                    pass
        await until(lambda: told(registry) == {(refusals.CONTESTED, "gw-c1"): Told("contested", HERE)})


async def test_nobody_else_reads_the_brokers_log(broker: Broker) -> None:
    """A gateway and the cloud's other user subscribe to it, and are sent nothing of a line that the watch reads."""
    state = "spBv1.0/STATE/jieyue"
    async with client(broker, "gw-c2") as gateway, client(broker, "cloud") as cloud, client(broker, WATCH_USER) as watch:
        for one in (gateway, cloud):
            await one.subscribe([(BROKER_LOG, 0), (state, 0)])
        await watch.subscribe(BROKER_LOG)
        async with client(broker, "gw-c3"):
            pass
        lines = aiter(watch.messages)
        while b"as gw-c3" not in bytes((await anext(lines)).payload):
            continue
        await cloud.publish(state, b"after it")
        for one in (gateway, cloud):
            assert str((await anext(aiter(one.messages))).topic) == state


def test_the_record_of_a_day_is_bounded(database: sa.Engine) -> None:
    """A hundred addresses: fifty have a record of their own, all others one; numbers add up over several writes and days stay apart."""
    day, now = 1_790_000_000_000, 1_790_000_500_000
    for _ in range(2):
        for number in range(100):
            broker_record.record(database, GROUP, {Key(refusals.REFUSED, f"10.0.0.{number}"): Told("not_authorised", "x", 3)}, day, now)
    found = told(database)
    assert len(found) == MOST + 1
    assert found[refusals.REFUSED, "10.0.0.0"] == Told("not_authorised", "x", 6)
    assert found[refusals.REFUSED, OTHERS].number == 6 * 50
    broker_record.record(database, GROUP, {Key(refusals.REFUSED, "10.0.0.77"): Told("protocol", "")}, day + 86_400_000, now)
    assert told(database)[refusals.REFUSED, "10.0.0.77"] == Told("protocol", "")


async def test_a_database_that_is_away_loses_nothing(registry: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written with what came meanwhile, said once a minute in one line."""
    monkeypatch.setattr(broker_watch, "WRITE_EVERY", 0.01)
    refused, really = iter(range(3)), broker_record.record

    def record(*given: object) -> None:
        if next(refused, None) is not None:
            raise sa.exc.OperationalError("INSERT", {}, Exception("the database is locked"))
        really(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(broker_record, "record", record)
    watch = BrokerWatch(Settings(mqtt_watch_user=WATCH_USER), registry, GROUP, Clock())
    with capture_logs() as logs:
        task = asyncio.create_task(watch._records())
        for _ in range(2):
            watch.heard("1: Client connection from 10.0.0.9 denied: max_connections exceeded.")
            await asyncio.sleep(0)
        await until(lambda: told(registry) == {(refusals.REFUSED, "10.0.0.9"): Told("full", "", 2)})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [line["event"] for line in logs] == ["the broker refused", "refusals wait"]
