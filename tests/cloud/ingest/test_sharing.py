"""What the leader leaves to ingest workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from cloud.ingest import sharing
from cloud.ingest.batch import Message
from cloud.ingest.commit import store_whole
from cloud.ingest.decode import decode
from cloud.ingest.node_cache import Known
from cloud.ingest.sharing import Sharing
from cloud.platform.database import REFUSED, try_write, writing
from contract.reading import Row
from tests.cloud import tables
from tests.cloud.ingest.gateways import HOUR, NOW, POINT, topic
from tests.cloud.ingest.test_plain import DEVICE, NODE, after, birth, message, row, said
from tests.waiting import beside, until

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock of `sharing`, which is set by hand."""
    now = [1000.0]
    monkeypatch.setattr("cloud.ingest.sharing.time.monotonic", lambda: now[0])
    return now


def taken(found: Sharing, known: Known, *messages: Message) -> int:
    return len(found.mine(messages, known))


def test_the_leader_takes_what_no_worker_does(site: Line, time: list[float]) -> None:
    """All while no worker's row changes; else births, nodes, strangers, what comes right after a birth, and what was left to it."""
    after(site, birth())
    found, known, data = Sharing(site.engine), site.known, said(row())
    try_write(site.engine, 1, "worker w1")
    found.look(known)
    assert (found.workers, taken(found, known, data)) == (0, 1)
    try_write(site.engine, 2, "worker w1")
    found.look(known)
    assert (found.workers, taken(found, known, data)) == (1, 0)
    node, born = Message(str(topic("NDATA", node=NODE)), b"", NOW), Message(*birth(), NOW)
    assert taken(found, known, node, message(b"", node="stranger")) == 2
    assert taken(found, known, data, born, data) == 2
    time[0] += sharing.FRESH
    assert taken(found, known, data) == 0
    time[0] += sharing.LIMIT
    found.look(known)
    assert (found.workers, taken(found, known, data)) == (0, 1)
    assert site.rows(tables.store_check, name="worker w1") == []


def test_a_node_is_given_back_when_nothing_is_to_be_found_out(site: Line, time: list[float]) -> None:
    """A minute after it was left last, and not before the clocks of its devices are known; a new leader reads what was left."""
    worker = after(site, birth())
    worker_row = iter(range(100))
    found, data = Sharing(site.engine), said(row())

    def look_again(seconds: float) -> int:
        time[0] += seconds
        try_write(site.engine, next(worker_row), "worker w1")
        found.look(site.known)
        return taken(found, site.known, data)

    look_again(0)
    assert look_again(1) == 0
    odd = said(Row(DEVICE, NOW - HOUR, {POINT: 1.0}, taken=NOW))
    store_whole(worker.decode([odd]), site.engine, site.telemetry)
    assert look_again(1) == 1
    site.store(decode([odd], site.known))
    assert look_again(sharing.HELD + 1) == 1
    right = said(Row(DEVICE, NOW, {POINT: 1.0}, taken=NOW))
    site.store(decode([right], site.known))
    assert (site.known.clocks, look_again(1)) == ({}, 0)
    assert site.rows(tables.handed) == []


def with_a_worker(line: Line) -> Sharing:
    """A leader that saw that one worker stores; a gateway was born."""
    after(line, birth())
    found = Sharing(line.engine)
    for at in (1, 2):
        try_write(line.engine, at, "worker w1")
        found.look(line.known)
    assert taken(found, line.known, said(row())) == 0
    return found


@on_sqlite
def test_the_leader_trusts_nobody_whom_it_did_not_see_for_long(site: Line, time: list[float]) -> None:
    """Looks hang: after the limit it takes all, and needs no look for it."""
    found = with_a_worker(site)
    time[0] += sharing.LIMIT + 1
    assert (taken(found, site.known, said(row())), found.workers) == (1, 0)


@on_sqlite
def test_a_row_that_cannot_be_deleted_is_no_worker(site: Line, time: list[float]) -> None:
    """The worker died, and the leader may not delete its row: it takes all; another worker that comes is seen all the same."""
    found = with_a_worker(site)
    with writing(site.engine).begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER kept BEFORE DELETE ON store_check BEGIN SELECT RAISE(ABORT, 'no right'); END")
    time[0] += sharing.LIMIT + 1
    with pytest.raises(REFUSED):
        found.look(site.known)
    assert (found.workers, taken(found, site.known, said(row()))) == (0, 1)
    try_write(site.engine, 1, "worker w2")
    with pytest.raises(REFUSED):
        found.look(site.known)
    assert (found.workers, taken(found, site.known, said(row()))) == (1, 0)


@on_sqlite
def test_rows_of_workers_that_died_before_the_leader_began_go(site: Line, time: list[float]) -> None:
    """It never saw them change, and leaves them nothing."""
    try_write(site.engine, 1, "worker w1")
    found = Sharing(site.engine)
    found.look(site.known)
    time[0] += sharing.LIMIT + 1
    found.look(site.known)
    assert (found.workers, site.rows(tables.store_check, name="worker w1")) == (0, [])


@on_sqlite
def test_a_device_that_fell_silent_keeps_no_node_from_workers(site: Line, time: list[float]) -> None:
    """Of its clock something is to be found out, for ten minutes after its last word; what it says later is the leader's all the same."""
    site.counter("em-9", NODE)
    site.restart()
    found = with_a_worker(site)
    odd, other = said(Row(DEVICE, NOW - HOUR, {POINT: 1.0}, taken=NOW)), message(said(row()).payload, "em-9")
    store_whole(after(site).decode([odd]), site.engine, site.telemetry)
    site.store(decode([odd], site.known))
    numbers = iter(range(3, 100))

    def takes(seconds: float) -> tuple[int, int]:
        time[0] += seconds
        try_write(site.engine, next(numbers), "worker w1")
        found.look(site.known)
        return taken(found, site.known, other), len(site.rows(tables.handed))

    assert takes(1) == (1, 1)
    assert takes(sharing.ASKED - 1) == (1, 1)
    assert taken(found, site.known, odd) == 1  # now it is heard again
    assert takes(sharing.ASKED - 1) == (1, 1)
    assert takes(2) == (0, 0)
    assert (taken(found, site.known, odd), taken(found, site.known, other)) == (1, 1)


async def test_looks_that_fail_are_logged(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a minute, with the reason, and the next look comes."""
    looks: list[Known] = []

    def refused(_sharing: Sharing, known: Known) -> None:
        looks.append(known)
        raise sa.exc.OperationalError("", None, RuntimeError("no right"))

    monkeypatch.setattr("cloud.ingest.host.SHARING_EVERY", 0.0)
    monkeypatch.setattr(Sharing, "look", refused)
    with capture_logs() as log:
        async with cloud.running() as host, beside(host._shared()):
            await until(lambda: len(looks) > 2)
    assert [found["reason"] for found in log if found["event"] == "who else stores is not known"] == ["(builtins.RuntimeError) no right"]
