"""CONNECT, will, bdSeq, subscriptions and leaving, as the broker sees them (Sparkplug 3.0, sections 5.2, 5.5 and 6.4.22)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from contract.sparkplug import BD_SEQ, DataType
from simulators.stack.broker import free_port

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench

NODE = "spBv1.0/510802/{}/gw-1"


async def test_the_session_is_clean(bench: Bench) -> None:
    """principles-persistence-clean-session-311: every CONNECT is MQTT 3.1.1 with clean session."""
    await bench.online()
    bench.proxy.cut()
    await bench.proxy.until(lambda: len(bench.proxy.of("CONNECT")) == 2)
    assert [(p.level, p.clean) for p in bench.proxy.of("CONNECT")] == [(4, True), (4, True)]


async def test_the_will_is_an_ndeath(bench: Bench) -> None:
    """payloads-ndeath-will-message and its kin: QoS 1, not retained, only bdSeq as Int64, and no seq."""
    bench.start()
    await bench.proxy.until(lambda: bench.proxy.of("CONNECT"))
    will = bench.proxy.of("CONNECT")[0].will
    assert will is not None
    assert (will.topic, will.qos, will.retain) == (NODE.format("NDEATH"), 1, False)
    (metric,) = will.data.metrics
    assert (metric.name, metric.datatype, metric.WhichOneof("value"), metric.long_value) == (BD_SEQ, DataType.INT64, "long_value", 0)
    assert not will.data.HasField("seq")


async def test_bdseq_counts_connects_over_losses_and_restarts(bench: Bench) -> None:
    """topics-nbirth-bdseq-increment, -matching: 0 at first, one more with each CONNECT, and each NBIRTH repeats its will's."""
    await bench.online()
    bench.proxy.cut()
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) == 2)
    await bench.stop()
    bench.start()
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) == 3)
    wills = [p.will.values[BD_SEQ] for p in bench.proxy.of("CONNECT") if p.will is not None]
    births = [p.values[BD_SEQ] for p in bench.proxy.of("NBIRTH")]
    assert wills == births == [0, 1, 2]
    assert {m.datatype for p in bench.proxy.of("NBIRTH") for m in p.data.metrics if m.name == BD_SEQ} == {DataType.INT64}


async def test_bdseq_wraps_after_255(bench: Bench) -> None:
    """message-flow-edge-node-birth-publish-will-message-payload-bdSeq: 0 follows 255."""
    gateway = bench.make()
    for _ in range(255):
        gateway.outbox.next_session()
    await bench.online()
    bench.proxy.cut()
    await bench.proxy.until(lambda: len(bench.proxy.of("CONNECT")) == 2)
    assert [p.will.values[BD_SEQ] for p in bench.proxy.of("CONNECT") if p.will is not None] == [255, 0]


async def test_a_broker_that_cannot_be_reached_costs_no_bdseq(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """topics-nbirth-bdseq-increment: what counts is a CONNECT that was sent, not an attempt to open a socket."""
    gateway = bench.make(broker={"port": free_port()})
    failed, enough = [0], asyncio.Event()

    def count(take_back: Callable[[], None] = gateway.outbox.take_back_session) -> None:
        take_back()
        failed[0] += 1
        if failed[0] == 3:
            enough.set()

    monkeypatch.setattr(gateway.outbox, "take_back_session", count)
    bench.start()
    await asyncio.wait_for(enough.wait(), 20)
    await bench.stop()
    bench.start()
    await bench.proxy.until(lambda: bench.proxy.of("CONNECT"))
    assert [p.will.values[BD_SEQ] for p in bench.proxy.of("CONNECT") if p.will is not None] == [0]


async def test_commands_are_subscribed_before_the_births(bench: Bench) -> None:
    """message-flow-edge-node-ncmd-subscribe, message-flow-device-dcmd-subscribe: both at QoS 1, and STATE of the primary host."""
    await bench.online()
    kinds = [p.kind if p.kind != "PUBLISH" else p.what for p in bench.proxy.packets]
    assert kinds[:4] == ["CONNECT", "SUBSCRIBE", "NBIRTH", "DBIRTH"]
    filters = [f for p in bench.proxy.of("SUBSCRIBE") for f in p.filters]
    assert filters == [(NODE.format("NCMD"), 1), (f"{NODE.format('DCMD')}/+", 1), ("spBv1.0/STATE/scada", 1)]


async def test_a_lost_link_is_told_by_the_will(bench: Bench) -> None:
    """payloads-ndeath-will-message-publisher: the broker publishes NDEATH with the bdSeq of the session that broke."""
    await bench.online()
    bench.proxy.cut()
    await bench.host.until(lambda: bench.host.of("NDEATH"))
    death = bench.host.of("NDEATH")[0]
    assert (death.qos, death.retain, death.values) == (1, False, {BD_SEQ: 0})
    assert bench.proxy.of("NDEATH", "DISCONNECT", link=0) == []


async def test_an_intentional_leave_says_ndeath_then_disconnects(bench: Bench) -> None:
    """operational-behavior-edge-node-intentional-disconnect-ndeath, -packet; payloads-ndeath-will-message-publisher-disconnect-mqtt311."""
    await bench.online()
    await bench.stop()
    await bench.host.until(lambda: bench.host.of("NDEATH"))
    last = bench.proxy.packets[-2:]
    assert [(p.what, p.retain) for p in last] == [("NDEATH", False), ("DISCONNECT", False)]
    assert last[0].values == {BD_SEQ: 0}
    assert not last[0].data.HasField("seq")
    await bench.host.state(1, online=True, host="fence")
    await bench.host.until(lambda: any(p.topic.endswith("/fence") for p in bench.host.packets))
    assert len(bench.host.of("NDEATH")) == 1, "the will stays unsaid after a DISCONNECT"


async def test_who_was_never_born_does_not_die(bench: Bench) -> None:
    """principles-birth-certificates-order: a gateway that leaves before its host came has published nothing at all."""
    bench.start()
    await bench.proxy.until(lambda: bench.proxy.of("SUBSCRIBE"))
    await asyncio.wait_for(bench.stop(), 10)
    await bench.proxy.until(lambda: bench.proxy.of("DISCONNECT"))
    assert [p.kind for p in bench.proxy.packets] == ["CONNECT", "SUBSCRIBE", "DISCONNECT"]


async def test_a_stop_that_the_mqtt_client_swallows_still_ends_the_session(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """operational-behavior-edge-node-intentional-disconnect-packet: a stop in the moment of a SUBACK is not forgotten."""
    waiting = asyncio.Event()

    async def deaf(_client: object, _filters: object) -> None:
        waiting.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr("edge.uplink.MqttClient.subscribe", deaf)
    bench.start()
    await asyncio.wait_for(waiting.wait(), 20)
    await asyncio.wait_for(bench.stop(), 10)
    await bench.proxy.until(lambda: bench.proxy.of("DISCONNECT"))
    assert [p.kind for p in bench.proxy.packets] == ["CONNECT", "DISCONNECT"]
