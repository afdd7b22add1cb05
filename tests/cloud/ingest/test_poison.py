"""One poison message stops nothing else: what cannot be stored is counted by reason, and what comes after it is stored."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cloud.ingest import decode as decode_module
from cloud.ingest import host as host_module
from cloud.ingest import intake as intake_module
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ingest.queue import OVERHEAD
from cloud.ingest.taken_back import BringForward
from cloud.telemetry.base import MAX_MS, Telemetry
from contract import coded, sparkplug
from contract import compressed as contract_compressed
from contract.coded import Message
from contract.reading import Row
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Metric, Payload
from simulators.foreign_node import compressed, metric, nbirth, payload
from tests.cloud import tables
from tests.cloud.ingest.gateways import FOREIGN, GROUP, NOW, Said, topic

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

OURS = "gw-1"


def odd_bd_seq(value: sparkplug.MetricValue) -> Said:
    return topic("NBIRTH"), payload([metric("bdSeq", value)], at=NOW + 1, seq=0)


def data(*metrics: Metric, at: int = NOW) -> Said:
    return topic("DDATA", "d1"), payload(metrics, at=at, seq=None)


def reason(text: str) -> Metric:
    made = metric("a", quality=0)
    made.properties.keys.append("Reason")
    made.properties.values.add(string_value=text)
    return made


TRANSIENT = Metric(name="a\0", is_transient=True, double_value=1.0)
"""Not for the time-series store, which is where names are judged."""
NESTED = Metric(name="a")
NESTED.dataset_value.num_of_columns = 2**64 - 1
TEMPLATE = Metric(name="a")
TEMPLATE.template_value.metrics.add(name="a").template_value.is_definition = True

POISON: dict[str, Said | list[Said]] = {
    "no bytes": (topic("DDATA", "d1"), b""),
    "no protobuf": (topic("DDATA", "d1"), b"\xff\xff\xff"),
    "a name that is no UTF-8": (topic("DDATA", "d1"), b"\x08\x01\x12\x04\x0a\x02\xff\xfe"),
    "a passing value whose name cannot be stored": data(TRANSIENT),
    "sent beyond 63 bits": data(metric("a", 1.0), at=2**64 - 1),
    "sent at no time": data(metric("a", 1.0), at=0),
    "born beyond 63 bits": (topic("DBIRTH", "d1"), payload(at=2**63, seq=None)),
    "died beyond 63 bits": (topic("DDEATH", "d1"), payload(at=2**63, seq=None)),
    "measured beyond 63 bits": data(metric("a", 1.0, at=2**64 - 1)),
    "measured beyond what stores hold": data(metric("a", 1.0, at=MAX_MS + 1)),
    "measured at the end of what stores hold": data(metric("a", 1.0, at=MAX_MS)),
    "not a number": data(metric("a", math.nan), metric("b", math.inf), metric("c", -math.inf, quality=0)),
    "numbers whose sum is none": data(metric("a", 1.7e308), metric("b", 1.7e308)),
    "NUL in a name": data(metric("a\0b", 1.0)),
    "NUL in a born name": (topic("DBIRTH", "d1"), payload([metric("a\0b", 1.0, alias=1)], at=NOW + 1, seq=None)),
    "NUL in a reason": data(reason("a\0b\n" + "x" * 10_000)),
    "a very long name": data(metric("号" * 20_000, 1.0)),
    "a device id that is too long": (topic("DBIRTH", "号" * 5000), payload(at=NOW, seq=None)),
    "a device id that cannot be printed": (topic("DBIRTH", "a\x07"), payload(at=NOW, seq=None)),
    "a node id with a backslash": (topic("NBIRTH", node="a\\b"), nbirth(at=NOW)),
    "a name of the store's own": data(metric("time", 1.0), metric("a__q", 1.0)),
    "the largest alias and datatype": (topic("DBIRTH", "d1"), payload([Metric(name="a", alias=2**64 - 1, datatype=2**32 - 1)], at=NOW + 1)),
    "a value of another type": data(Metric(name="a", datatype=10, string_value="x"), Metric(name="b", datatype=1, bytes_value=b"x")),
    "data sets and templates": data(NESTED, TEMPLATE),
    "a bdSeq of text": odd_bd_seq("seven"),
    "a bdSeq below 0": odd_bd_seq(-1),
    "a bdSeq beyond 32 bits": odd_bd_seq(2**62),
    "a bdSeq that is not a number": odd_bd_seq(math.nan),
    "a bdSeq of bytes": (topic("NBIRTH"), payload([Metric(name="bdSeq", bytes_value=b"7")], at=NOW + 1, seq=0)),
    "a birth of too many metrics": (topic("DBIRTH", "d1"), payload([metric(f"m{n}", 1.0) for n in range(5001)], at=NOW + 1)),
    "an outbox that is no name": (topic("NBIRTH"), nbirth(at=NOW + 1, outbox="a\0" * 5000)),
    "an answer that is too deep": data(metric(sparkplug.COMMAND_RESULT, "[" * 4000)),
    "an answer with NUL": data(metric(sparkplug.COMMAND_RESULT, '{"id": "c\\u0000", "state": "done", "reason": "\\u0000"}')),
    "a death of nobody": (topic("NDEATH", node="nobody"), payload(at=2**64 - 1)),
    "a row of ours at no time": (topic("DDATA", "d2", OURS), sparkplug.data(b"", sent_at=0, seq=0, store_seq=2**64 - 1)),
    "a position of the largest number": (topic("DDATA", "d2", OURS), sparkplug.data(b"", sent_at=NOW, seq=0, store_seq=2**64 - 1)),
    "a row of ours without a name": (topic("DDATA", "d2", OURS), payload([metric(value=1.0, alias=3)], at=NOW)),
}  # fmt: skip


def births() -> list[Said]:
    """A foreign node with a device, and one of ours."""
    born = payload([metric("a", alias=1, kind=DataType.DOUBLE), metric("b", alias=2, kind=DataType.DOUBLE)], at=NOW, seq=1)
    return [(topic("NBIRTH"), nbirth(at=NOW)), (topic("DBIRTH", "d1"), born), (topic("NBIRTH", node=OURS), nbirth(at=NOW, outbox="box"))]


def good(line: Line, number: int) -> Said:
    return topic("DDATA", "well", OURS), line.row("well", NOW + number, number, power=float(number))


@pytest.mark.parametrize("name", POISON)
def test_what_comes_with_and_after_poison_is_stored(line: Line, name: str) -> None:
    """In one batch with it and in the next one, after a restart too; no reading of it is shown that no store holds."""
    line.feed(*births())
    poison = POISON[name]
    batch = line.feed(good(line, 1), *([poison] if isinstance(poison, tuple) else poison), good(line, 2), at=NOW + 10)
    line.restart()
    line.feed(good(line, 3), at=NOW + 20)
    assert batch.acks[GROUP, OURS, "box"][-1] == 2
    assert [value for _, value in line.values("well", "power")] == [1.0, 2.0, 3.0]
    for row in line.rows(tables.latest):
        assert row["value"] is None or math.isfinite(row["value"])
        assert 0 < row["at"] <= NOW + 120_000
        assert line.telemetry.latest(GROUP, "gateway" if row["device"] in {FOREIGN, OURS} else "foreign", row["device"])


def test_each_poison_is_counted_by_its_reason(line: Line) -> None:
    """Nothing is dropped silently."""
    line.feed(*births())
    batch = line.feed(*(POISON[name] for name in ("no bytes", "no protobuf", "a name that is no UTF-8", "a device id that is too long")))  # type: ignore[arg-type]
    assert batch.dropped == {"no time": 1, "not a Sparkplug payload": 2, "a name that cannot be stored": 1}
    batch = line.feed(POISON["a birth of too many metrics"], POISON["data sets and templates"], POISON["an answer that is too deep"])  # type: ignore[arg-type]
    assert batch.dropped == {"a birth of too many metrics": 1, "no number": 2, "not a command result": 1}
    assert line.feed(POISON["a row of ours without a name"]).acks == {}  # type: ignore[arg-type]


def test_a_time_that_no_column_holds_is_kept_as_the_last_one_that_does(line: Line) -> None:
    """The reading is set aside with its value and reason, not forgotten, and its row is acknowledged."""
    line.feed(*births())
    body = sparkplug.encode_rows([Row("well", 2**64 - 1, {"power": 5.0})])
    batch = line.feed((topic("DDATA", "well", OURS), sparkplug.data(body, sent_at=NOW, seq=0, store_seq=1)))
    (kept,) = line.rows(tables.rejected_reading)
    assert (kept["at"], kept["value"], kept["point"]) == (2**63 - 1, 5.0, "power")
    assert coded.loads(kept["reason"]) == Message("reason.not_a_time", at=2**64 - 1)
    assert batch.acks == {(GROUP, OURS, "box"): [1]}


texts = st.one_of(st.sampled_from(["a", "b", "bdSeq", "Store/Outbox", "Store/Seq", "Command/Result", "time", "x\0"]), st.text(max_size=8))
times = st.one_of(st.integers(NOW - 10**6, NOW + 10**6), st.integers(0, 2**64 - 1))
numbers = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """Any metric that the wire can carry."""
    made = Metric()
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": texts, "alias": numbers, "timestamp": times, "datatype": st.integers(0, 30),
        "is_historical": st.booleans(), "is_transient": st.booleans(), "is_null": st.booleans(),
    }  # fmt: skip
    for name, values in optional.items():
        if draw(st.booleans()):
            setattr(made, name, draw(values))
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "int_value": st.integers(0, 2**32 - 1), "long_value": numbers, "float_value": st.floats(width=32), "double_value": st.floats(),
        "boolean_value": st.booleans(), "string_value": texts, "bytes_value": st.binary(max_size=4),
    }  # fmt: skip
    kind = draw(st.sampled_from([*kinds, ""]))
    if kind:
        setattr(made, kind, draw(kinds[kind]))
    if draw(st.booleans()):
        made.properties.keys.extend(draw(st.lists(st.sampled_from(["Quality", "Reason", "x"]), max_size=3)))
        for code in draw(st.lists(st.sampled_from([0, 192, 500, 7, 2**32 - 1]), max_size=3)):
            made.properties.values.add(int_value=code)
    return made


@st.composite
def messages(draw: st.DrawFn) -> Said:
    """Random bytes, any payload, or a payload with some of its bytes changed, to any kind of topic."""
    kind = draw(st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH"]))
    device = draw(st.sampled_from(["d1", "d2", "em"])) if kind.startswith("D") else ""
    made = Payload(metrics=draw(st.lists(metrics(), max_size=4)))
    if draw(st.integers(0, 9)):
        made.timestamp = draw(times)
    if draw(st.integers(0, 9)):
        made.seq = draw(numbers)
    raw = bytearray(made.SerializeToString())
    for place, value in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)):
        if place < len(raw):
            raw[place] = value
    raw = bytearray(draw(st.binary(max_size=40))) if not draw(st.integers(0, 9)) else raw
    return topic(kind, device, draw(st.sampled_from([FOREIGN, OURS, "n3"]))), bytes(raw)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(said=st.lists(messages(), max_size=8), passed=st.integers(0, 20_000), number=st.integers(1, 10**6))
def test_no_bytes_stop_ingest(line: Line, said: list[Said], passed: int, number: int) -> None:
    """Whatever is published, decoding and storing go on, and a row of ours in the same batch is stored and acknowledged."""
    assume(number)
    line.feed((topic("NBIRTH", node="gw-9"), nbirth(at=NOW, outbox="mine")))
    ours = topic("DDATA", "well", "gw-9"), line.row("well", NOW + number, number, power=float(number))
    batch = line.feed(*said, ours, at=NOW + passed)
    assert batch.acks[GROUP, "gw-9", "mine"] == [number]
    assert (NOW + number, float(number)) in line.values("well", "power")
    for row in line.rows(tables.latest):
        assert row["value"] is None or math.isfinite(row["value"])
    line.wait(NOW + 40_000)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_no_check_foresaw_costs_its_own_message_only(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that breaks the program is found among its neighbours and left out; they are stored, and the service goes on."""

    def fragile(batch: Batch, engine: sa.Engine, telemetry: Telemetry, bring_forward: BringForward) -> None:
        if any(point == "boom" for polls in batch.polls.values() for point in polls.newest()):
            raise RuntimeError("no check foresaw this")
        store(batch, engine, telemetry, bring_forward)

    monkeypatch.setattr(host_module, "store", fragile)
    async with cloud.running() as host, cloud.edge("gw-1") as edge:
        await edge.raw("NBIRTH", nbirth(at=cloud.clock.now_ms(), outbox="box"))
        now = cloud.clock.now_ms()
        for number in range(1, 31):
            await edge.raw("DDATA", line.row("d", now - number, number, **{"boom" if number == 17 else "power": 1.0}), "d")  # type: ignore[arg-type]
        await cloud.until(lambda: host.dropped["broke ingest"] and line.telemetry.count(GROUP, "foreign", "d", "power") == 29)
    assert host.dropped["broke ingest"] == 1
    assert line.telemetry.count(GROUP, "foreign", "d", "boom") == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_poison_on_a_real_broker(cloud: Cloud, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that the broker lets through, and a payload beyond the largest, between rows that are all stored."""
    monkeypatch.setattr(intake_module, "MAX_PAYLOAD_BYTES", 400_000)
    async with cloud.running() as host, cloud.edge(OURS) as edge:
        now = cloud.clock.now_ms()
        await edge.raw("NBIRTH", nbirth(at=now, outbox="box"))
        for number, (name, poison) in enumerate(POISON.items(), 1):
            assert isinstance(poison, tuple)
            if name != "a device id that cannot be printed":  # mosquitto ends the connection of whoever sends it
                await edge.client.publish(str(poison[0]), poison[1])
            await edge.raw("DDATA", line.row("well", now + number, number, power=1.0), "well")
        await edge.raw("NDATA", b"\x00" * 400_001)
        await cloud.until(lambda: line.telemetry.count(GROUP, "foreign", "well", "power") == len(POISON))
        await cloud.until(lambda: host.dropped["too large"] == 1)
        assert host.dropped["broke ingest"] == 0


async def test_compressed_payloads_are_stored(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Births and data compressed by deflate or gzip say what plain ones say; broken and huge ones are counted."""
    monkeypatch.setattr(decode_module, "MAX_PAYLOAD_BYTES", 100_000)
    now = cloud.clock.now_ms()
    device_birth = payload([metric("a", 1.0, alias=1, at=now, kind=DataType.DOUBLE)], at=now, seq=1)
    said = payload([metric(value=2.5, alias=1, at=now + 1)], at=now + 1, seq=2)
    async with cloud.running() as host, cloud.edge() as edge:
        await edge.raw("NBIRTH", compressed(nbirth(at=now), "DEFLATE"))
        await edge.raw("DBIRTH", compressed(device_birth, "GZIP", form=31), "d1")
        for broken in (compressed(said)[:-6], compressed(said, "LZ4"), compressed(bytes(1_000_000)), compressed(compressed(said))):
            await edge.raw("DDATA", broken, "d1")
        await edge.raw("DDATA", compressed(said), "d1")
        await cloud.until(lambda: cloud.latest("d1") == {"a": 2.5})
        assert host.dropped == {"not a Sparkplug payload": 3, "too large": 1}
    assert [(r.at, r.value) for r in cloud.telemetry.series(GROUP, "foreign", "d1", "a", 0, 2 * now)] == [(now, 1.0), (now + 1, 2.5)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_payload_that_takes_long_to_decompress_holds_up_no_receipt(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is decompressed, what comes behind it is taken from the broker into the queue that has a bound, and stored then."""
    begun, opened, unwrapped = threading.Event(), threading.Event(), contract_compressed.unwrapped

    def slowly(raw: bytes, most: int) -> bytes:
        begun.set()
        opened.wait()
        return unwrapped(raw, most)

    monkeypatch.setattr(contract_compressed, "unwrapped", slowly)
    now = cloud.clock.now_ms()
    async with cloud.running() as host, cloud.edge() as edge, cloud.edge("f2") as other:
        try:
            await edge.raw("NBIRTH", compressed(nbirth(at=now)))
            await cloud.until(begun.is_set)
            await other.raw("NBIRTH", nbirth(at=now))
            for number in range(1, 51):
                await other.raw("NDATA", payload([metric("a", float(number))], at=now + number, seq=number))
            await cloud.until(lambda: host._queue.size >= 50 * OVERHEAD)
        finally:
            opened.set()
        await cloud.until(lambda: cloud.latest("f2").get("a") == 50.0)
    assert not host.dropped
