"""An ingest worker in this process, on a real broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cloud.health import Health
from cloud.ingest.decode import decode
from cloud.ingest.own import own_clock
from cloud.ingest.worker import Worker
from cloud.settings import Settings
from contract.clock import Clock
from contract.reading import Row
from tests.cloud.ingest.outbox_node import outbox_node
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Broker, Line

from cloud.ingest.batch import Message
from tests.cloud.ingest.gateways import GROUP, NOW, POINT
from tests.cloud.ingest.test_plain import birth

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Switched(Health):
    """What is known of the stores is set by hand."""

    fault: str | None = None

    def down(self) -> str | None:
        """That."""
        return self.fault


async def test_a_worker_whose_stores_fail_leaves_the_broker(site: Line, broker: Broker) -> None:
    """Then the broker gives it nothing, and it does not count as one that stores; it comes back when they are mended."""
    site.store(decode([Message(*birth("outbox-of-gw-1"), NOW)], site.known))
    clock = own_clock(Clock())
    health = Switched(site.engine, site.telemetry, clock)
    worker = Worker(Settings(mqtt_port=broker.port), site.engine, site.telemetry, clock, lambda _batch: None, health)
    async with beside(worker.run()), outbox_node(broker, "gw-1", GROUP) as node:
        await asyncio.wait_for(worker.online.wait(), 20)
        assert not worker.stores()  # it was given nothing yet
        await node.commit([Row("em-1", node.begin, {POINT: 1.0})])
        await node.empty()
        assert worker.stores()
        health.fault = "telemetry"
        await node.commit([Row("em-1", node.begin + 1000, {POINT: 2.0})])
        await until(lambda: not worker.online.is_set())
        assert not worker.stores()
        health.fault = None
        await asyncio.wait_for(worker.online.wait(), 20)
        await node.empty()
    assert site.values("em-1", POINT, "electricity") == [(node.begin, 1.0), (node.begin + 1000, 2.0)]
