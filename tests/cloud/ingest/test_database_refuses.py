"""A database that takes nothing loses no message and `/healthz` tells it; a message that is refused alone is left out."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from cloud import health as health_module
from cloud import storing
from cloud.app import Service
from cloud.devices.repository import trial
from cloud.ingest import broker_watch
from cloud.ingest import host as host_module
from cloud.ingest import intake as intake_module
from cloud.ingest.batch import Batch
from cloud.ingest.broker_watch import BrokerWatch
from cloud.ingest.commit import store
from cloud.ingest.taken_back import BringForward
from cloud.ingest.trial import try_rows
from cloud.platform import database as registry
from cloud.roles import ALL, Role
from cloud.settings import Settings
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Telemetry
from contract.clock import Clock
from contract.site import load_site
from contract.sitefolder import shipped_site
from simulators.foreign_node import metric, nbirth, payload
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Broker, Cloud, Line

GROUP = "510802"
RIGHTS = "the user of the database may not "
on_postgres = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def do(engine: sa.Engine, *statements: str) -> None:
    """As the owner of the tables."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def user(database: sa.Engine) -> str:
    """A user who owns nothing and may do what the service does."""
    name = f"u_{database.url.database}"
    do(database, f"CREATE ROLE {name} LOGIN")
    do(database, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
    do(database, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    return name


def address(engine: sa.Engine, user: str) -> str:
    return engine.url.set(username=user).render_as_string(hide_password=False)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """The whole service without its interface; it must not end by itself."""
    task = asyncio.ensure_future(service.run(ALL - {Role.API}))
    try:
        await until(lambda: service.not_ready() is None or task.done())
        yield
        assert not task.done(), "the service ended by itself"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        service.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 (what is asked for stands in stores and has no event)
            await asyncio.sleep(0.02)


@on_postgres
async def test_a_right_that_is_missing_loses_nothing_and_is_named(
    database: sa.Engine, user: str, broker: Broker, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign node, which sends nothing twice, is born meanwhile: it is stored once the right is given, and health is well by itself."""
    monkeypatch.setattr(health_module, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(storing, "EVERY", 0.02)
    enter_site(database, load_site(shipped_site("lizhou")), By("test", 0, date(2020, 1, 1)))
    service = Service(Settings(data=tmp_path, database=address(database, user), mqtt_port=broker.port), Clock())
    async with running(service), cloud.edge() as node:
        do(database, f"REVOKE INSERT, UPDATE ON latest FROM {user}", f"REVOKE UPDATE ON store_check FROM {user}")
        now = Clock().now_ms()
        await node.raw("NBIRTH", nbirth(at=now))
        await node.raw("DBIRTH", payload([metric("a", 7.0, alias=1)], at=now, seq=1), "d1")
        await until(lambda: service.not_ready() == f"database: {RIGHTS}INSERT, UPDATE on latest; UPDATE on store_check: see GRANT")
        assert cloud.latest("d1") == {}
        do(database, f"GRANT INSERT, UPDATE ON latest TO {user}", f"GRANT UPDATE ON store_check TO {user}")
        await until(lambda: cloud.latest("d1") == {"a": 7.0} and service.not_ready() is None)
        assert service.host is not None
        assert service.host.dropped == {}


@on_postgres
async def test_a_task_that_writes_its_own_outlives_what_the_database_says(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table is gone, or a rule of it is broken: neither the row that says who stores nor the record of refusals ends the process."""
    monkeypatch.setattr(storing, "EVERY", 0.02)
    monkeypatch.setattr(broker_watch, "WRITE_EVERY", 0.02)
    refused: Counter[str] = Counter()

    def note(context: sa.engine.ExceptionContext) -> None:
        refused.update(name for name in ("store_check", "event") if f" {name} " in (context.statement or ""))

    sa.event.listen(database, "handle_error", note)
    elsewhere = storing.Elsewhere(database)
    watch = BrokerWatch(Settings(), database, GROUP, Clock())
    for broken, mended in (
        ("ALTER TABLE {} RENAME TO away", "ALTER TABLE away RENAME TO {}"),
        ("ALTER TABLE {} ADD CONSTRAINT odd CHECK (length(CAST({} AS text)) < 0) NOT VALID", "ALTER TABLE {} DROP CONSTRAINT odd"),
    ):
        do(database, broken.format("store_check", "at"), broken.replace("away", "gone").format("event", "at"))
        told = asyncio.ensure_future(storing.tell(database, Clock(), lambda: True))
        parts = [told, asyncio.ensure_future(elsewhere.run()), asyncio.ensure_future(watch._records())]
        watch.heard("1: Client connection from 10.0.0.9 denied: max_connections exceeded.")
        refused.clear()
        await until(lambda: min(refused["store_check"], refused["event"]) > 2)
        assert [part.done() for part in parts] == [False] * 3
        do(database, mended.format("store_check"), mended.replace("away", "gone").format("event"))
        await until(lambda: not watch._found)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
    assert registry.written_at(database, storing.NAME) is not None


ODD = {
    "sqlite": (
        "CREATE TRIGGER odd BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'something that no list foresaw'); END",
        "DROP TRIGGER odd",
    ),
    "postgresql": ("ALTER TABLE {} ADD CONSTRAINT odd CHECK (grp IS NULL) NOT VALID", "ALTER TABLE {} DROP CONSTRAINT odd"),
}
"""What makes a table refuse every row, and what ends that."""


@pytest.mark.parametrize("table", ["latest", "node"])
async def test_while_the_database_takes_nothing_no_message_is_at_fault(
    database: sa.Engine, cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Whatever kind of error it is: health says it after its time, and all is stored when the database takes it."""
    breaks, mends = ODD[database.dialect.name]
    monkeypatch.setattr(intake_module, "WAIT", 0.02)
    monkeypatch.setattr(health_module, "STUCK", 0.3)
    async with cloud.running() as host, cloud.edge("gw-1") as edge:
        watching = asyncio.ensure_future(host._health.run())
        do(database, breaks.format(table))
        await edge.raw("NBIRTH", nbirth(at=cloud.clock.now_ms(), outbox="box"))
        now = cloud.clock.now_ms()
        for number in range(1, 9):
            await edge.raw("DDATA", line.row("d", now - number, number, power=1.0), "d")
        await until(lambda: host._health.down() == "database")
        do(database, mends.format(table))
        await until(lambda: line.telemetry.count(GROUP, "foreign", "d", "power") == 8 and host._health.down() is None)
        assert host.dropped == {}
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def test_a_trial_leaves_nothing(database: sa.Engine) -> None:
    """A row of each kind is taken, and taken back."""
    written = (*trial._WRITTEN, tables.touched)
    try_rows(database)
    with database.connect() as connection:
        assert [connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in written] == [0] * 10


@on_sqlite
async def test_what_the_database_refuses_alone_is_left_out(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database takes a made-up row of each kind, which shows that the message is at fault."""

    def fragile(batch: Batch, engine: sa.Engine, telemetry: Telemetry, bring_forward: BringForward) -> None:
        if any(point == "boom" for polls in batch.polls.values() for point in polls.newest()):
            raise sa.exc.DataError("INSERT", {}, Exception("out of range"))
        store(batch, engine, telemetry, bring_forward)

    monkeypatch.setattr(host_module, "store", fragile)
    monkeypatch.setattr(intake_module, "WAIT", 0.02)
    async with cloud.running() as host, cloud.edge("gw-1") as edge:
        await edge.raw("NBIRTH", nbirth(at=cloud.clock.now_ms(), outbox="box"))
        now = cloud.clock.now_ms()
        await cloud.until(lambda: line.rows(tables.node))
        await edge.raw("DDATA", line.row("d", now, 1, boom=1.0), "d")
        await cloud.until(lambda: host.dropped["broke ingest"] == 1)
        await edge.raw("DDATA", line.row("d", now + 1, 2, power=1.0), "d")
        await cloud.until(lambda: line.telemetry.count(GROUP, "foreign", "d", "power") == 1)
        assert host.dropped == {"broke ingest": 1}
    assert line.telemetry.count(GROUP, "foreign", "d", "boom") == 0
