"""Telemetry first, then one transaction, then the acknowledgement; on both databases, with rows of a gateway of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.devices.model import NodeState
from cloud.ingest import intake as intake_module
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book
from cloud.telemetry.base import Line as StoreLine
from cloud.telemetry.base import Refused, Stored, StoreDown
from cloud.telemetry.sqlite import SqliteTelemetry
from contract import sparkplug
from contract.reading import Quality, Reading, Row
from contract.store import parse_ack, ranges
from contract.topics import Topic
from simulators.foreign_node import nbirth
from tests.cloud import tables
from tests.cloud.district import key

if TYPE_CHECKING:
    from simulators.foreign_node import ForeignNode
    from tests.cloud.ingest.conftest import Cloud, Line

GROUP, NODE, DEVICE, BOX, NOW = "510802", "gw-1", "em", "box", 1_790_000_000_000
HOUR = 3_600_000
DDATA = Topic(GROUP, "DDATA", NODE, DEVICE)


@pytest.fixture
def gateway(line: Line) -> Line:
    """A meter behind a gateway of ours that has been born."""
    line.counter(DEVICE, NODE, meter="m")
    line.restart()
    line.feed((Topic(GROUP, "NBIRTH", NODE), nbirth(at=NOW, outbox=BOX)))
    return line


def energy(line: Line) -> list[tuple[int, float | None]]:
    return line.values(DEVICE, "energy_import", "electricity")


def latest(line: Line, point: str = "energy_import") -> tuple[int, float | None, int, int | None]:
    (row,) = line.rows(tables.latest, device=DEVICE, point=point)
    return row["at"], row["value"], row["quality"], row["good_at"]


def generation(line: Line) -> dict[int, int]:
    return {row["hour"]: row["generation"] for row in line.rows(tables.touched, meter="m")}


class Failing(SqliteTelemetry):
    """A store that is down when it is told to be, or dies after it has written."""

    down = False
    refusals = 0

    def write(self, batch: Sequence[StoreLine]) -> list[Refused]:
        """As every store, or not at all."""
        if self.down:
            self.refusals += 1
            raise StoreDown("down")
        return super().write(batch)


def test_a_batch_that_is_stored_again_changes_nothing(gateway: Line) -> None:
    """A crash between commit and acknowledgement only causes a resend: one reading, the same latest, an hour touched again."""
    first = gateway.feed((DDATA, gateway.row(DEVICE, NOW, 1, energy_import=5.0)))
    again = gateway.feed((DDATA, gateway.row(DEVICE, NOW, 1, sent_at=NOW + 9000, historical=True, energy_import=5.0)), at=NOW + 9000)
    assert (energy(gateway), latest(gateway)) == ([(NOW, 5.0)], (NOW, 5.0, 192, NOW))
    assert first.acks == again.acks == {(GROUP, NODE, BOX): [1]}
    assert generation(gateway) == {NOW // HOUR * HOUR: 2}


def test_the_ledger_does_not_clear_an_hour_that_was_touched_meanwhile(gateway: Line) -> None:
    """A reading that comes while an hour is settled makes the hour wait again."""
    gateway.feed((DDATA, gateway.row(DEVICE, NOW, 1, energy_import=5.0)))
    assert book.settle(gateway.engine, gateway.telemetry, 100) >= 1
    assert generation(gateway) == {}
    gateway.feed((DDATA, gateway.row(DEVICE, NOW + 1000, 2, energy_import=6.0)), at=NOW + 1000)
    assert generation(gateway) == {NOW // HOUR * HOUR: 1}


def test_nothing_of_a_batch_is_in_sql_when_telemetry_is_down(gateway: Line) -> None:
    """Telemetry is first: an hour is not settled, and no reading shown, before the samples are there."""
    assert isinstance(gateway.telemetry, SqliteTelemetry)
    failing = Failing(gateway.telemetry._path)
    failing.down = True
    batch = Batch(lines=[Stored(GROUP, "electricity", Reading(DEVICE, "energy_import", 1.0, NOW))], touched={(key("m"), 0)})
    with pytest.raises(StoreDown):
        store(batch, gateway.engine, failing)
    assert (generation(gateway), gateway.rows(tables.latest)) == ({}, [])
    failing.close()


def test_a_failing_transaction_leaves_nothing_half_done(gateway: Line) -> None:
    """Telemetry has the reading, SQL has none of the batch; stored again it is whole."""
    batch = Batch(lines=[Stored(GROUP, "electricity", Reading(DEVICE, "energy_import", 1.0, NOW))], touched={(key("m"), 0)})
    batch.polls[GROUP, DEVICE].take(NOW, NOW, {"energy_import": 1.0})
    batch.nodes["x", "y"] = NodeState("x", None, None, 0, online=True, changed_at=0)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        store(batch, gateway.engine, gateway.telemetry)
    assert (energy(gateway), generation(gateway), gateway.rows(tables.latest)) == ([(NOW, 1.0)], {}, [])
    batch.nodes.clear()
    store(batch, gateway.engine, gateway.telemetry)
    assert (generation(gateway), latest(gateway)) == ({0: 1}, (NOW, 1.0, 192, NOW))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(8)), st.integers(1, 8), st.integers(0, 10**9))
def test_latest_is_by_time_of_measurement(gateway: Line, order: list[int], cut: int, run: int) -> None:
    """In whatever order and batches rows come, the newest measurement is the latest; a bad one does not hide when it was last good."""
    point, base = f"p{run}", NOW
    rows = {n: (base + n * 10, float(n) if n != 7 else None) for n in range(8)}
    said = []
    for number in order:
        at, value = rows[number]
        values, bad = ({point: value}, {}) if value is not None else ({}, {point: "timeout"})
        body = sparkplug.encode_rows([Row(DEVICE, at, values, bad)])
        said.append((DDATA, sparkplug.data(body, sent_at=base + 100, seq=0, store_seq=number + 1)))
    gateway.feed(*said[:cut], at=base + 100)
    gateway.feed(*said[cut:], at=base + 100)
    assert latest(gateway, point) == (base + 70, None, 0, base + 60)


def test_a_good_reading_of_the_same_time_stays(gateway: Line) -> None:
    """As in the time-series store: of one time the good one counts, whichever came last."""
    bad = sparkplug.data(sparkplug.encode_rows([Row(DEVICE, NOW, {}, {"power": "timeout"})]), sent_at=NOW, seq=0, store_seq=2)
    gateway.feed((DDATA, gateway.row(DEVICE, NOW, 1, power=5.0)))
    gateway.feed((DDATA, bad))
    assert latest(gateway, "power") == (NOW, 5.0, 192, NOW)


@pytest.mark.parametrize(
    ("age", "sent_ago", "historical", "source"),
    [
        (119_000, 0, False, ""),
        (121_000, 0, False, ""),
        (121_000, 0, True, ""),
        (40 * HOUR, 0, True, ""),
        (-119_000, -119_000, False, ""),
        (-121_000, 0, True, DEVICE),
        (0, -121_000, False, NODE),
        (40 * HOUR, 121_000, True, ""),
    ],
)
def test_a_doubtful_time_is_suspect(gateway: Line, age: int, sent_ago: int, historical: bool, source: str) -> None:  # noqa: FBT001
    """More than 120 s in the future decides at once, of a row or of its sender; what is only old waited in the outbox or on the way.

    Suspect readings are stored and acknowledged, and told of their source; they are nobody's newest.
    """
    at = NOW - age
    batch = gateway.feed((DDATA, gateway.row(DEVICE, at, 1, sent_at=NOW - sent_ago, historical=historical, energy_import=5.0)))
    (found,) = gateway.telemetry.series(GROUP, "electricity", DEVICE, "energy_import", 0, 2 * NOW)
    assert (found.at, found.value, found.quality) == (at, 5.0, Quality.SUSPECT if source else Quality.GOOD)
    assert [row["at"] for row in gateway.rows(tables.latest)] == ([] if source else [at])
    told = [(e["subject"], e["at"]) for e in gateway.rows(tables.event, kind="clock_fault")]
    assert told == ([(source, NOW // HOUR * HOUR)] if source else [])
    assert batch.acks == {(GROUP, NODE, BOX): [1]}


def test_a_clock_that_is_ahead_does_not_hide_what_follows(gateway: Line) -> None:
    """A reading from next year is kept as suspect; the latest is the one that was measured now, in one batch or the next."""
    ahead = NOW + 365 * 24 * HOUR
    gateway.feed((DDATA, gateway.row(DEVICE, ahead, 1, power=9.0)), (DDATA, gateway.row(DEVICE, NOW, 2, power=5.0)))
    assert latest(gateway, "power") == (NOW, 5.0, 192, NOW)
    gateway.feed((DDATA, gateway.row(DEVICE, ahead + 1, 3, power=9.0)), at=NOW + 1)
    assert latest(gateway, "power") == (NOW, 5.0, 192, NOW)
    kept = gateway.telemetry.series(GROUP, "electricity", DEVICE, "power", 0, 2 * NOW)
    assert [(r.at, r.quality) for r in kept] == [(NOW, Quality.GOOD), (ahead, Quality.SUSPECT), (ahead + 1, Quality.SUSPECT)]


def test_of_the_refused_readings_of_a_device_so_many_are_on_record_a_day(gateway: Line) -> None:
    """1000 of them within 24 hours and the newest one; the others are counted, told and acknowledged, and another device has its own."""
    gateway.insert(tables.device, grp=GROUP, id="other", **{"class": "electricity"}, name="{}", gateway=NODE)
    gateway.restart()

    def refused(number: int, begin: int, device: str = DEVICE) -> tuple[Topic, bytes]:
        rows = [Row(device, begin + n, {"bad\\name": 1.0}) for n in range(number)]
        raw = sparkplug.data(sparkplug.encode_rows(rows), sent_at=begin + number, seq=0, store_seq=1)
        return Topic(GROUP, "DDATA", NODE, device), raw

    def kept(device: str) -> int:
        return len(gateway.rows(tables.rejected_reading, device=device))

    reason = "too many rejected readings of a device"
    assert reason not in gateway.feed(refused(600, NOW)).dropped
    batch = gateway.feed(refused(600, NOW + 600), refused(1, NOW, "other"), at=NOW + 600)
    assert (batch.dropped[reason], kept(DEVICE), kept("other"), batch.acks) == (200, 1001, 1, {(GROUP, NODE, BOX): [1, 1]})
    later = NOW + 24 * HOUR + 600
    assert reason not in gateway.feed(refused(5, later), at=later).dropped
    assert kept(DEVICE) == 1006


def test_what_the_store_refuses_is_kept_and_acknowledged(gateway: Line) -> None:
    """With its reason and as it was, once, however often it comes; its neighbours are stored, and it is nobody's latest."""
    values = {"power": 5.0, "energy_import": float("inf"), "bad\\name": 1.0, "nul\0": 2.0, "x" * 201: 3.0}
    row = sparkplug.data(sparkplug.encode_rows([Row(DEVICE, NOW, values)]), sent_at=NOW, seq=0, store_seq=1)
    for _ in range(2):
        batch = gateway.feed((DDATA, row))
        assert batch.acks == {(GROUP, NODE, BOX): [1]}
    kept = {r["point"]: (r["at"], r["value"], r["class"], r["received_at"]) for r in gateway.rows(tables.rejected_reading)}
    assert kept.pop("energy_import") == (NOW, float("inf"), "electricity", NOW)
    assert kept == {
        "bad\\name": (NOW, 1.0, "electricity", NOW), "nul�": (NOW, 2.0, "electricity", NOW), "x" * 201: (NOW, 3.0, "electricity", NOW),
    }  # fmt: skip
    assert all(r["reason"] for r in gateway.rows(tables.rejected_reading))
    assert [r["point"] for r in gateway.rows(tables.latest, device=DEVICE)] == ["power"]
    assert generation(gateway) == {}


def test_a_device_of_another_gateway_is_refused_and_told(gateway: Line) -> None:
    """Not stored, not acknowledged: after a recorded handover it comes again."""
    gateway.feed((Topic(GROUP, "NBIRTH", "gw-2"), nbirth(at=NOW, outbox="other")))
    batch = gateway.feed((Topic(GROUP, "DDATA", "gw-2", DEVICE), gateway.row(DEVICE, NOW, 1, energy_import=5.0)))
    assert (energy(gateway), batch.acks, batch.dropped) == ([], {}, {"device of another gateway": 1})
    (event,) = gateway.rows(tables.event, kind="foreign_gateway")
    assert (event["subject"], event["at"], "gw-2" in event["detail"]) == (DEVICE, NOW // HOUR * HOUR, True)


def acked(edge: ForeignNode) -> list[tuple[int, int]]:
    """The ranges that the host has acknowledged, in the order they came."""
    texts = [sparkplug.values(p).get(sparkplug.STORE_ACK) for p in edge.commands()]
    return [span for text in texts if isinstance(text, str) for span in parse_ack(text).stored]


async def send_rows(cloud: Cloud, line: Line, edge: ForeignNode, numbers: Sequence[int]) -> None:
    now = cloud.clock.now_ms()
    for number in numbers:
        await edge.raw("DDATA", line.row("d", now - number, number, power=float(number)), "d")


async def born_with_outbox(cloud: Cloud, edge: ForeignNode) -> None:
    await edge.raw("NBIRTH", nbirth(at=cloud.clock.now_ms(), outbox=BOX))


async def test_ranges_are_acknowledged_within_a_second_of_the_commit(cloud: Cloud, line: Line) -> None:
    """Closed ranges of exactly what is in the store, at QoS 0, not retained, with a time and without seq; a duplicate again.

    tck-id-topics-ncmd-mqtt, tck-id-topics-ncmd-timestamp, tck-id-payloads-ncmd-seq.
    """
    async with cloud.running(), cloud.edge(NODE) as edge:
        await born_with_outbox(cloud, edge)
        await send_rows(cloud, line, edge, [1, 2, 3, 7, 9, 8])
        began = asyncio.get_running_loop().time()
        await edge.until(lambda: ranges(n for a, b in acked(edge) for n in range(a, b + 1)) == ((1, 3), (7, 9)))
        assert asyncio.get_running_loop().time() - began < 1.0
        assert line.telemetry.count(GROUP, "foreign", "d", "power") == 6
        before = len(acked(edge))
        await send_rows(cloud, line, edge, [2])
        await edge.until(lambda: acked(edge)[before:] == [(2, 2)])
    ncmd = [m for m in edge.heard if "/NCMD/" in str(m.topic)]
    assert {(m.qos, m.retain) for m in ncmd} == {(0, False)}
    assert all(p.timestamp and not p.HasField("seq") for p in edge.commands())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_nothing_is_acknowledged_while_the_store_is_down(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch waits and is stored when the store is back, then acknowledged once."""
    assert isinstance(line.telemetry, SqliteTelemetry)
    monkeypatch.setattr(intake_module, "WAIT", 0.05)
    cloud.telemetry = failing = Failing(line.telemetry._path)
    async with cloud.running(), cloud.edge(NODE) as edge:
        await born_with_outbox(cloud, edge)
        failing.down = True
        await send_rows(cloud, line, edge, [1, 2])
        await cloud.until(lambda: failing.refusals >= 3)
        assert acked(edge) == []
        failing.down = False
        await edge.until(lambda: acked(edge))
        await send_rows(cloud, line, edge, [3])
        await edge.until(lambda: (3, 3) in acked(edge))
        assert acked(edge) == [(1, 2), (3, 3)]
        assert line.telemetry.count(GROUP, "foreign", "d", "power") == 3
    failing.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_queue_is_bounded_in_bytes(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is counted and not acknowledged, empty messages too; after the store is back its resend is taken."""
    assert isinstance(line.telemetry, SqliteTelemetry)
    monkeypatch.setattr(intake_module, "WAIT", 0.05)
    monkeypatch.setattr(intake_module, "MAX_QUEUE_BYTES", 20_000)
    cloud.telemetry = failing = Failing(line.telemetry._path)
    async with cloud.running() as host, cloud.edge(NODE) as edge:
        await born_with_outbox(cloud, edge)
        await cloud.until(lambda: line.rows(tables.node))
        failing.down = True
        await send_rows(cloud, line, edge, [1])
        await cloud.until(lambda: failing.refusals)  # from now on nothing leaves the queue
        for _ in range(50):
            await edge.raw("NDATA", b"")
        await send_rows(cloud, line, edge, range(2, 200))
        await cloud.until(lambda: host.dropped["queue full"] > 150)
        assert 19_000 < host._queue.size <= 20_000
        failing.down = False
        await cloud.until(lambda: not host._queue.size)
        await send_rows(cloud, line, edge, range(1, 50))
        await edge.until(lambda: {n for a, b in acked(edge) for n in range(a, b + 1)} >= set(range(1, 50)))
    failing.close()


def test_gateways_of_two_districts_may_have_the_same_ids(line: Line) -> None:
    """Node, device and meter of one name in each: readings, newest values and touched hours are of their own district."""
    other, value = "510811", {GROUP: 5.0, "510811": 7.0}
    line.counter(DEVICE, NODE, meter="m")
    for table in (tables.device, tables.meter):
        (row,) = line.rows(table)
        line.insert(table, **row | {"grp": other})
    line.restart()
    for group, box in ((GROUP, BOX), (other, "other box")):
        line.feed((Topic(group, "NBIRTH", NODE), nbirth(at=NOW, outbox=box)))
        line.feed((Topic(group, "DDATA", NODE, DEVICE), line.row(DEVICE, NOW, 1, energy_import=value[group])))
    for group in (GROUP, other):
        found = line.telemetry.series(group, "electricity", DEVICE, "energy_import", 0, 2 * NOW)
        assert [reading.value for reading in found] == [value[group]]
        assert [row["value"] for row in line.rows(tables.latest, grp=group, device=DEVICE)] == [value[group]]
        assert [(row["meter"], row["generation"]) for row in line.rows(tables.touched, grp=group)] == [("m", 1)]
    assert {row["grp"]: row["outbox"] for row in line.rows(tables.node)} == {GROUP: BOX, other: "other box"}
