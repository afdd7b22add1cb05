"""An ingest worker in this process, on a real broker."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cloud.health import Health
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode
from cloud.ingest.own import own_clock
from cloud.ingest.worker import Worker
from cloud.ledger.model import MeterKey
from cloud.ledger.repository import waiting
from cloud.platform import database
from cloud.settings import Settings
from contract.clock import Clock
from contract.reading import Row
from tests.cloud import tables
from tests.cloud.ingest.outbox_node import outbox_node
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Broker, Line

from tests.cloud.ingest.gateways import GROUP, HOUR, NOW, POINT
from tests.cloud.ingest.test_plain import birth

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Switched(Health):
    """What is known of the stores is set by hand."""

    fault: str | None = None

    def down(self) -> str | None:
        """That."""
        return self.fault


def worker_on(site: Line, broker: Broker) -> tuple[Worker, Switched]:
    """A worker that knows a gateway, and what it knows of the stores."""
    site.store(decode([Message(*birth("outbox-of-gw-1"), NOW)], site.known))
    clock = own_clock(Clock())
    health = Switched(site.engine, site.telemetry, clock)
    return Worker(Settings(mqtt_port=broker.port), site.engine, site.telemetry, clock, lambda _batch: None, health), health


@on_sqlite
async def test_a_worker_whose_stores_fail_leaves_the_broker(site: Line, broker: Broker) -> None:
    """Then the broker gives it nothing, and it does not count as one that stores; it comes back when they are mended."""
    worker, health = worker_on(site, broker)
    async with beside(worker.run()), outbox_node(broker, "gw-1", GROUP) as node:
        await asyncio.wait_for(worker.online.wait(), 20)
        assert not worker.stores()  # it was given nothing yet
        await node.commit([Row("em-1", node.begin, {POINT: 1.0})])
        await node.empty()
        await until(worker.stores)
        health.fault = "telemetry"
        await node.commit([Row("em-1", node.begin + 1000, {POINT: 2.0})])
        await until(lambda: not worker.online.is_set())
        assert not worker.stores()
        health.fault = None
        await asyncio.wait_for(worker.online.wait(), 20)
        await node.empty()
    assert site.values("em-1", POINT, "electricity") == [(node.begin, 1.0), (node.begin + 1000, 2.0)]


@on_sqlite
async def test_a_worker_whose_acknowledgements_are_refused_does_not_count(
    site: Line, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway hears none of them, so the leader has to store: it stores too, says why once, and counts when the right was given."""
    monkeypatch.setattr("cloud.ingest.worker.LIMIT", 60.0)
    rights = tmp_path / "acl"
    reads = "topic readwrite spBv1.0/+/DDATA/#\ntopic read spBv1.0/STATE/#\n"
    rights.write_text(f"{reads}topic read spBv1.0/+/NCMD/#\n", encoding="utf-8")
    broker.restart(f"acl_file {rights}\nuser root\n")
    worker, _ = worker_on(site, broker)
    with capture_logs() as said:
        async with beside(worker.run()), outbox_node(broker, "gw-1", GROUP) as node:
            await asyncio.wait_for(worker.online.wait(), 20)
            await node.commit([Row("em-1", node.begin, {POINT: 1.0})])
            await until(lambda: refused(said) != [])
            await until(lambda: site.values("em-1", POINT, "electricity") == [(node.begin, 1.0)])
            assert (worker.stores(), node.acknowledged) == (False, set())
            rights.write_text(f"{reads}topic readwrite spBv1.0/+/NCMD/#\n", encoding="utf-8")
            broker.processes.signal("broker", signal.SIGHUP)
            await node.empty()
            await until(worker.stores)
    assert refused(said) == ["Not authorized"]


def refused(said: Sequence[MutableMapping[str, Any]]) -> list[str]:
    """Why, as the log says."""
    return [found["reason"] for found in said if found["event"] == "acknowledgements are refused"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_nobody_waits_for_a_worker_that_hangs_in_a_transaction(
    site: Line, open_registry: Callable[[str], sa.Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wrote an hour and was stopped: the server takes that back, the leader stores, and the worker has to do it again."""
    del open_registry
    monkeypatch.setattr(database, "HANGS", 0.2)
    clock = own_clock(Clock())
    stopped = Worker(Settings(), site.engine, site.telemetry, clock, lambda _batch: None, Health(site.engine, site.telemetry, clock))
    touched = {(MeterKey(GROUP, "em-1"), NOW // HOUR * HOUR)}
    with database.writing(stopped._engine).connect() as connection:
        connection.begin()
        waiting.touch(connection, sorted(touched))
        store(Batch(received_at=NOW, touched=touched), site.engine, site.telemetry)
        with pytest.raises(database.DOWN):
            connection.execute(sa.text("SELECT 1"))
    assert [found["generation"] for found in site.rows(tables.touched)] == [1]
