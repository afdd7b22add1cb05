"""Birth and death certificates of the gateway and its devices (Sparkplug 3.0, sections 4.2, 5.4, 5.6 and 6.4.18 to 6.4.23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import DataType

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench, Packet


def complete(birth: Packet) -> bool:
    """Every metric has name, datatype, time, and either a value or null."""
    return all(
        m.name and m.HasField("datatype") and m.timestamp and m.is_null == (m.WhichOneof("value") is None) for m in birth.data.metrics
    )


async def test_the_nbirth_is_the_first_publication(bench: Bench) -> None:
    """principles-birth-certificates-order, topics-nbirth-mqtt, -seq-num, -timestamp: first of all, QoS 0, not retained, seq 0, dated."""
    before = Clock().now_ms()
    await bench.online()
    first = next(p for p in bench.proxy.packets if p.kind == "PUBLISH")
    assert (first.topic, first.qos, first.retain) == ("spBv1.0/510802/NBIRTH/gw-1", 0, False)
    assert first.data.HasField("seq")
    assert first.data.seq == 0
    assert before <= first.data.timestamp <= Clock().now_ms()


async def test_the_nbirth_lists_every_metric_of_the_node(bench: Bench) -> None:
    """topics-nbirth-metrics, -rebirth-metric, operational-behavior-data-commands-rebirth-name-aliases: complete, Rebirth false."""
    gateway = await bench.online()
    birth = bench.proxy.of("NBIRTH")[0]
    types = {m.name: m.datatype for m in birth.data.metrics}
    assert complete(birth)
    assert {name: types[name] for name in types if "/" in name or name == "bdSeq"} == {
        "bdSeq": DataType.INT64,
        "Node Control/Rebirth": DataType.BOOLEAN,
        "Store/Outbox": DataType.STRING,
        "Store/Seq": DataType.UINT64,
        "Store/Ack": DataType.STRING,
        "Store/Resend": DataType.STRING,
    }
    assert (birth.values["Node Control/Rebirth"], birth.values["Store/Outbox"]) == (False, gateway.outbox.uuid)
    assert (birth.values["Store/Ack"], birth.values["Store/Resend"]) == (None, None)
    assert not any(m.HasField("alias") for p in bench.proxy.of("NBIRTH", "DBIRTH", "NDATA", "DDATA") for m in p.data.metrics)


async def test_dbirths_follow_at_once_and_before_all_data(bench: Bench) -> None:
    """payloads-dbirth-order, payloads-ndata-order, payloads-ddata-order, message-flow-device-birth-publish-nbirth-wait."""
    await bench.online()
    bench.proxy.cut()
    await bench.proxy.until(lambda: bench.proxy.of("DDATA", link=1))
    for link in (0, 1):
        said = [p for p in bench.proxy.packets if p.kind == "PUBLISH" and p.link == link]
        assert [(p.what, p.device, p.data.seq) for p in said[:3]] == [("NBIRTH", "", 0), ("DBIRTH", "em-1", 1), ("DBIRTH", "ac-1", 2)]
        assert {p.what for p in said[3:]} <= {"NDATA", "DDATA"}


async def test_a_dbirth_lists_every_metric_of_the_device(bench: Bench) -> None:
    """topics-dbirth-mqtt, -timestamp, -metrics: QoS 0, not retained, every point of the profile, Store/Seq and how commands go."""
    await bench.online()
    births = {p.device: p for p in bench.proxy.of("DBIRTH")}
    assert {(p.qos, p.retain, bool(p.data.timestamp), complete(p)) for p in births.values()} == {(0, False, True, True)}
    for name, extra in (("em-1", set()), ("ac-1", {"Command/Id", "Command/Expires"})):
        points = set(bench.site.device_by_id[name].model.points)
        assert set(births[name].values) == points | extra | {"Store/Seq", "Command/Result"}


async def test_a_birth_shows_the_last_values_with_their_own_time(bench: Bench) -> None:
    """operational-behavior-data-publish-nbirth-values: a rebirth repeats what was read last, and when it was read."""
    bench.world.points["em-1"]["energy_import"] = 12.5
    await bench.online()
    await bench.host.rebirth()
    await bench.proxy.until(lambda: len(bench.proxy.of("DBIRTH", device="em-1")) == 2)
    birth = bench.proxy.of("DBIRTH", device="em-1")[1]
    before = bench.proxy.packets[: bench.proxy.packets.index(birth)]
    (metric,) = (m for m in birth.data.metrics if m.name == "energy_import")
    measured = [m.timestamp for p in before if p.what == "DDATA" for m in p.data.metrics if m.name == "energy_import"]
    assert metric.double_value == 12.5
    assert measured[0] <= metric.timestamp <= birth.data.timestamp


async def test_a_lost_device_dies_and_is_born_when_it_returns(bench: Bench) -> None:
    """operational-behavior-device-ddeath, topics-ddeath-mqtt, -seq-num: DDEATH, then silence, then DBIRTH, then data; others go on."""
    await bench.online()
    await bench.unplug("air")
    await bench.proxy.until(lambda: bench.proxy.of("DDEATH"))
    (death,) = bench.proxy.of("DDEATH")
    assert (death.device, death.qos, death.retain, len(death.data.metrics)) == ("ac-1", 0, False, 0)
    assert death.data.HasField("seq")
    assert death.data.timestamp
    told = len(bench.proxy.of("DDATA", device="em-1"))
    await bench.proxy.until(lambda: len(bench.proxy.of("DDATA", device="em-1")) > told + 5)
    await bench.plug("air")
    await bench.proxy.until(lambda: bench.proxy.packets[-1].what == "DDATA" and bench.proxy.packets[-1].device == "ac-1")
    said = [p.what for p in bench.proxy.packets[bench.proxy.packets.index(death) + 1 :] if p.device == "ac-1"]
    assert said == ["DBIRTH", "DDATA"]


async def test_a_dead_device_is_not_born_again_by_a_rebirth(bench: Bench) -> None:
    """payloads-dbirth-order: only devices that are there are born; the host is not told that a lost one lives."""
    await bench.online()
    await bench.unplug("air")
    await bench.proxy.until(lambda: bench.proxy.of("DDEATH"))
    await bench.acknowledge(bench.proxy.of("NDATA", "DDATA"))
    await bench.host.rebirth()
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) == 2)
    await bench.proxy.until(lambda: bench.proxy.packets[-1].what == "DDATA")
    reborn = bench.proxy.packets[bench.proxy.packets.index(bench.proxy.of("NBIRTH")[1]) :]
    assert [p.device for p in reborn if p.what == "DBIRTH"] == ["em-1"]


async def test_old_rows_of_what_the_site_no_longer_has_are_born_first(bench: Bench) -> None:
    """topics-dbirth-metric-reqs, topics-nbirth-metric-reqs: after a change of the site, old rows bring births of their metrics."""
    at = Clock().now_ms() - 60_000
    gateway = bench.make(acknowledge="none")
    gateway.outbox.commit(
        [
            Row("gw-1", at, {"temperature_of_cpu": 50.0}),
            Row("gone", at, {"power": 1.0}, texts={sparkplug.COMMAND_RESULT: "{}"}),
            Row("em-1", at, {"co2": 400.0}),
        ]
    )
    bench.start()
    await bench.proxy.until(lambda: bench.proxy.of("DDEATH"))
    born: dict[str, set[str]] = {}
    for packet in (p for p in bench.proxy.packets if p.kind == "PUBLISH"):
        if packet.what in {"NBIRTH", "DBIRTH"}:
            born = {} if packet.what == "NBIRTH" else born
            born[packet.device] = set(packet.values)
            assert complete(packet)
        elif packet.what == "DDEATH":
            del born[packet.device]
        else:
            assert set(packet.values) <= born[packet.device], packet.topic
    sent = {(p.device, m.name) for p in bench.proxy.of("NDATA", "DDATA") for m in p.data.metrics}
    assert {("gone", "power"), ("gone", "Command/Result"), ("em-1", "co2"), ("", "temperature_of_cpu")} <= sent
    assert [p.device for p in bench.proxy.of("DDEATH")] == ["gone"]
