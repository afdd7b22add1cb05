"""Data of the gateway and its devices (Sparkplug 3.0, sections 4.2, 5.8, 6.4.20 and 6.4.21)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from contract import topics
from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import DataType

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench


async def test_seq_counts_all_messages_of_the_node(bench: Bench) -> None:
    """payloads-sequence-num-incrementing, topics-*-seq*: one more with each message, whoever's it is; 0 follows 255."""
    gateway = bench.make()
    gateway.outbox.commit([Row("em-1", Clock().now_ms(), {"power": float(i)}) for i in range(300)])
    await bench.online()
    await bench.unplug("air")
    await bench.proxy.until(lambda: len(bench.proxy.of("DDATA")) > 300 and bench.proxy.of("DDEATH"))
    said = [p for p in bench.proxy.packets if p.kind == "PUBLISH"]
    assert [p.data.seq for p in said] == [number % 256 for number in range(len(said))]
    assert {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"} == {p.what for p in said}


async def test_data_goes_at_qos_0_dated_and_not_retained(bench: Bench) -> None:
    """topics-ndata-mqtt, topics-ddata-mqtt, payloads-ndata-qos, payloads-ddata-qos and kin: QoS 0, no retain, a time of sending."""
    before = Clock().now_ms()
    await bench.online()
    await bench.proxy.until(lambda: len(bench.proxy.of("NDATA")) >= 2)
    data = bench.proxy.of("NDATA", "DDATA")
    assert {(p.qos, p.retain) for p in data} == {(0, False)}
    assert all(before <= p.data.timestamp <= Clock().now_ms() and p.data.HasField("seq") for p in data)


async def test_topics_are_built_as_the_specification_says(bench: Bench) -> None:
    """topic-structure*, topics-nbirth-topic and kin: spBv1.0/group/type/node, with a device id in the D types only."""
    await bench.online()
    await bench.proxy.until(lambda: bench.proxy.of("NDATA"))
    said = {p.topic for p in bench.proxy.packets if p.kind == "PUBLISH"}
    wanted = {f"spBv1.0/510802/{kind}/gw-1{tail}" for kind, tail in (("NBIRTH", ""), ("NDATA", ""))}
    wanted |= {f"spBv1.0/510802/{kind}/gw-1/{device}" for kind in ("DBIRTH", "DDATA") for device in ("em-1", "ac-1")}
    assert said == wanted
    assert all(topics.parse(topic) is not None for topic in said)


async def test_a_reading_has_its_time_and_its_datatype(bench: Bench) -> None:
    """payloads-name-birth-data-requirement: the time of the poll. The datatype is the birth's; without it few hosts read DATA."""
    before = Clock().now_ms()
    bench.world.points["em-1"]["frequency"] = None
    await bench.online()
    born = {(p.device, m.name): m.datatype for p in bench.proxy.of("NBIRTH", "DBIRTH") for m in p.data.metrics}
    for packet in bench.proxy.of("NDATA", "DDATA"):
        assert [m.datatype for m in packet.data.metrics] == [born[packet.device, m.name] for m in packet.data.metrics]
        assert all(before <= m.timestamp <= packet.data.timestamp for m in packet.data.metrics)
    assert any(m.is_null and m.datatype for p in bench.proxy.of("DDATA") for m in p.data.metrics)


async def test_values_of_a_payload_are_in_the_order_of_time(bench: Bench) -> None:
    """operational-behavior-data-publish-nbirth-order, -dbirth-order: one row is one poll, so its live values share one time."""
    await bench.online()
    await bench.proxy.until(lambda: len(bench.proxy.of("DDATA")) > 10)
    times = [[m.timestamp for m in p.data.metrics if m.name != "Store/Seq"] for p in bench.proxy.of("DDATA")]
    assert all(len(set(of_one)) == 1 for of_one in times)
    live = [p for p in bench.proxy.of("DDATA", device="em-1") if not p.data.metrics[0].is_historical]
    assert all(a.data.metrics[0].timestamp < b.data.metrics[0].timestamp for a, b in pairwise(live))


async def test_what_waited_goes_as_historical_and_what_is_live_does_not(bench: Bench) -> None:
    """operational-behavior-data-publish-nbirth-order: rows from before the session are marked, each metric of them; live ones never."""
    gateway = bench.make()
    old = gateway.outbox.commit([Row("em-1", Clock().now_ms() - 60_000 + i, {"power": 1.0, "voltage_a": 2.0}) for i in range(5)])
    await bench.online()
    await bench.proxy.until(lambda: {p.values["Store/Seq"] for p in bench.proxy.of("DDATA")} >= {k.seq for k in old})
    await bench.proxy.until(lambda: any(not p.data.metrics[0].is_historical for p in bench.proxy.of("DDATA")))
    born_at = bench.proxy.of("NBIRTH")[0].data.timestamp
    for packet in bench.proxy.of("DDATA"):
        flags = {m.is_historical for m in packet.data.metrics if m.name != "Store/Seq"}
        assert flags == {packet.values["Store/Seq"] in {k.seq for k in old} or packet.data.metrics[0].timestamp < born_at}


async def test_what_could_not_be_read_is_null_with_its_quality(bench: Bench) -> None:
    """payloads-propertyset-quality-value-type, -value-value: Quality is an Int32 of 0, and there is no value, least of all 0."""
    bench.world.points["em-1"]["frequency"] = None
    await bench.online()
    packet = bench.proxy.of("DDATA", device="em-1")[0]
    (bad,) = (m for m in packet.data.metrics if m.is_null)
    assert (bad.name, bad.WhichOneof("value")) == ("frequency", None)
    found = dict(zip(bad.properties.keys, bad.properties.values, strict=True))
    assert (found["Quality"].type, found["Quality"].int_value) == (DataType.INT32, 0)
    assert (found["Reason"].type, found["Reason"].string_value) == (DataType.STRING, "Modbus exception 4: device failure")
    assert not any(m.HasField("properties") for m in packet.data.metrics if m.name != "frequency")


async def test_each_data_message_names_its_place_in_the_outbox(bench: Bench) -> None:
    """Store/Seq stands in every NDATA and DDATA, is born with its device, and no two rows share one."""
    await bench.online()
    await bench.proxy.until(lambda: len(bench.proxy.of("NDATA", "DDATA")) > 20)
    places = [int(p.values["Store/Seq"] or 0) for p in bench.proxy.of("NDATA", "DDATA")]
    assert sorted(places) == list(range(1, len(places) + 1)), "nothing was acknowledged, nothing was due again"
    assert all("Store/Seq" in p.values for p in bench.proxy.of("NBIRTH", "DBIRTH"))
