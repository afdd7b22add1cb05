"""An ingest worker's own clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import prometheus_client
import pytest
from structlog.testing import capture_logs

from cloud.health import Health
from cloud.ingest.batch import Message
from cloud.ingest.decode import decode
from cloud.ingest.own import OwnClock
from cloud.ingest.worker import Worker
from cloud.settings import Settings
from contract.clock import Clock
from contract.reading import Row
from tests.cloud.ingest.gateways import MINUTE, NOW, POINT
from tests.cloud.ingest.test_plain import DEVICE, birth, message, said

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Line

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Wall(Clock):
    """A machine's clock that is set by hand."""

    shows: ClassVar = [NOW]

    def now_ms(self) -> int:
        """What it was set to."""
        return self.shows[0]


def worker_by(site: Line, clock: OwnClock) -> Worker:
    """A worker that knows a gateway, and no broker."""
    site.store(decode([Message(*birth(), NOW)], site.known))
    return Worker(Settings(), site.engine, site.telemetry, clock, lambda _batch: None, Health(site.engine, site.telemetry, clock))


def left_to_leader() -> float:
    """What the metric says."""
    return prometheus_client.REGISTRY.get_sample_value("jieyue_ingest_left_total", {"to": "leader"}) or 0.0


async def test_a_machine_that_slept_goes_on(site: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock is right and an hour ahead of the monotonic one, as the leader would find out in time: the worker goes by it at once."""
    later, steady = NOW + 60 * MINUTE, [100.0]
    clock = OwnClock(base=Wall(), steady=lambda: steady[0])
    worker = worker_by(site, clock)
    clock.unjudged_ms()
    monkeypatch.setattr(Wall, "shows", [later])
    steady[0] += 1.0
    assert clock.now_ms() == NOW + 1000  # by what jumped while it ran
    row = said(Row(DEVICE, later, {POINT: 1.0}), sent_at=later)
    worker._put(row.topic, row.payload)
    await worker._batch(worker._queue.take(1 << 20))
    assert site.values(DEVICE, POINT, "electricity") == [(later, 1.0)]


async def test_a_worker_says_that_it_leaves_most_to_the_leader(site: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its clock is a minute behind: it says so once a minute, with how much; nodes without an outbox do not count."""
    monkeypatch.setattr("cloud.ingest.worker.LOG_EVERY", 0.0)
    worker, before = worker_by(site, OwnClock(base=Wall())), left_to_leader()
    late = said(Row(DEVICE, NOW, {POINT: 1.0}), sent_at=NOW + MINUTE)
    stranger = message(late.payload, node="stranger")
    with capture_logs() as log:
        await worker._batch([stranger, stranger])
        await worker._batch([stranger, late, late])
        monkeypatch.setattr("cloud.ingest.worker.LOG_EVERY", 60.0)
        await worker._batch([late])
    told = [(found["heard"], found["left"]) for found in log if found["event"] == "worker leaves most to the leader"]
    assert (told, left_to_leader() - before) == ([(2, 2)], 3.0)
