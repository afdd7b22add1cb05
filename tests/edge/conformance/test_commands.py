"""Commands to the gateway and its devices, and what is none (Sparkplug 3.0, sections 5.10 and 6.4.25 to 6.4.26)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contract import sparkplug
from contract.clock import Clock
from contract.sparkplug import BD_SEQ, DataType, MetricDefinition
from contract.sparkplug_b_pb2 import Payload
from simulators.foreign_node import compressed

if TYPE_CHECKING:
    from tests.edge.conformance.conftest import Bench


def order(name: str, point: str, value: sparkplug.MetricValue, datatype: DataType = DataType.DOUBLE) -> list[MetricDefinition]:
    expires = Clock().now_ms() + 60_000
    return [
        MetricDefinition(sparkplug.COMMAND_ID, DataType.STRING, name),
        MetricDefinition(sparkplug.COMMAND_EXPIRES, DataType.DATETIME, expires),
        MetricDefinition(point, datatype, value),
    ]


async def result(bench: Bench, name: str) -> dict[str, Any]:
    """The answer to a command, from the first DDATA that carries it."""

    def answers() -> list[dict[str, Any]]:
        texts = [p.values.get(sparkplug.COMMAND_RESULT) for p in bench.proxy.of("DDATA")]
        found: list[dict[str, Any]] = [json.loads(text) for text in texts if isinstance(text, str)]
        return [answer for answer in found if answer["id"] == name]

    await bench.proxy.until(answers)
    return answers()[0]


async def test_a_rebirth_stops_data_and_sends_all_births(bench: Bench) -> None:
    """operational-behavior-data-commands-rebirth-action-1 to -3, payloads-nbirth-bdseq-repeat: no DATA between, seq anew, same bdSeq."""
    await bench.online()
    await bench.host.rebirth()
    await bench.proxy.until(lambda: len(bench.proxy.of("NBIRTH")) == 2)
    again = bench.proxy.packets.index(bench.proxy.of("NBIRTH")[1])
    await bench.proxy.until(lambda: len(bench.proxy.packets) > again + 6)
    said = bench.proxy.packets[again:]
    assert [(p.what, p.device, p.data.seq) for p in said[:3]] == [("NBIRTH", "", 0), ("DBIRTH", "em-1", 1), ("DBIRTH", "ac-1", 2)]
    assert [p.data.seq for p in said] == list(range(len(said)))
    assert said[0].values[BD_SEQ] == bench.proxy.of("NBIRTH")[0].values[BD_SEQ] == 0
    assert len(bench.proxy.of("CONNECT")) == 1


async def test_a_rebirth_that_says_no_is_none(bench: Bench) -> None:
    """operational-behavior-data-commands-ncmd-rebirth-value: only `true` asks for births; false, a number or a text do not."""
    await bench.online()
    for datatype, value in ((DataType.BOOLEAN, False), (DataType.INT32, 1), (DataType.STRING, "true"), (DataType.BOOLEAN, None)):
        await bench.host.command(MetricDefinition(sparkplug.REBIRTH, datatype, value))
    await bench.host.command(*order("fence", "setpoint", 21.0), device="ac-1")
    await result(bench, "fence")
    assert len(bench.proxy.of("NBIRTH")) == 1


async def test_a_command_is_written_and_read_back(bench: Bench) -> None:
    """message-flow-device-dcmd-subscribe: the device has the value; the answer is data."""
    await bench.online()
    await bench.host.command(*order("c-1", "setpoint", 21.5), device="ac-1")
    answer = await result(bench, "c-1")
    assert bench.world.points["ac-1"]["setpoint"] == 21.5
    assert answer == {"id": "c-1", "state": "done", "read_back": 21.5, "reason": ""}
    (packet,) = (p for p in bench.proxy.of("DDATA", device="ac-1") if sparkplug.COMMAND_RESULT in p.values)
    assert packet.values["setpoint"] == 21.5
    assert set(packet.values) <= set(bench.proxy.of("DBIRTH", device="ac-1")[0].values)


@pytest.mark.parametrize(
    ("device", "point", "value", "reason"),
    [
        ("ac-1", "room_temperature", 20.0, "room_temperature cannot be written"),
        ("ac-1", "setpoint", 99.0, "99 is outside 5 to 35"),
        ("em-1", "power", 1.0, "power cannot be written"),
    ],
)
async def test_a_refused_command_is_answered_with_what_was_born(bench: Bench, device: str, point: str, value: float, reason: str) -> None:
    """topics-dbirth-metric-reqs: a device that takes no commands says so too, in a metric that its birth lists."""
    await bench.online()
    await bench.host.command(*order("c-1", point, value), device=device)
    answer = await result(bench, "c-1")
    assert answer.pop("code") in {"command.point_not_writable", "command.outside"}
    assert answer.pop("params").keys() <= {"point", "value", "low", "high"}
    assert answer == {"id": "c-1", "state": "refused", "read_back": None, "reason": reason}
    assert sparkplug.COMMAND_RESULT in bench.proxy.of("DBIRTH", device=device)[0].values


async def test_a_command_to_an_unknown_device_is_not_answered(bench: Bench) -> None:
    """payloads-ddata-order: a device that was never born has no data, so there is nothing to answer with."""
    await bench.online()
    await bench.host.command(*order("c-0", "setpoint", 20.0), device="nobody")
    await bench.host.command(*order("c-1", "setpoint", 20.0), device="ac-1")
    await result(bench, "c-1")
    assert {p.device for p in bench.proxy.of("DBIRTH", "DDATA", "DDEATH")} == {"em-1", "ac-1"}


DEEP = "[" * 100_000
HUGE = '{{"outbox": "{}", "stored": [[1, 99999999999999999999999]]}}'
BAD_NAME = bytes([0x12, 4, 0x0A, 2, 0xFF, 0xFE])
"""A metric whose name is no UTF-8."""
BAD_TEXT = bytes([0x12, 14, 0x0A, 9, *b"Store/Ack", 0x7A, 1, 0xFF])


async def test_a_compressed_command_is_read(bench: Bench) -> None:
    """Some hosts compress what they send; one that would grow beyond its bound is dropped and the session goes on."""
    await bench.online()
    await bench.host.raw("ac-1", compressed(bytes(50_000_000)))
    await bench.host.raw("ac-1", compressed(sparkplug.command(order("zip", "setpoint", 22.0), at=1), "GZIP", form=31))
    assert (await result(bench, "zip"))["state"] == "done"
    assert len(bench.proxy.of("CONNECT")) == 1


async def test_garbage_is_dropped_and_the_session_lives(bench: Bench) -> None:
    """Whatever bytes come as NCMD, DCMD or STATE: the same session goes on with data and orders, and no row was acknowledged."""
    gateway = await bench.online()
    uuid = gateway.outbox.uuid
    texts = ["", "[]", DEEP, HUGE.format(uuid), f'{{"outbox": "{uuid}", "stored": [[2, 1]]}}', '{"from": 1e999, "to": 2}', '{"from": -1}']
    payloads = [b"", b"\xff\xff", BAD_NAME, BAD_TEXT, Payload(timestamp=1).SerializeToString()]
    for metric in (sparkplug.STORE_ACK, sparkplug.STORE_RESEND):
        payloads += [sparkplug.command([MetricDefinition(metric, DataType.STRING, text)], at=1) for text in texts]
    payloads += [sparkplug.command([MetricDefinition(sparkplug.STORE_ACK, DataType.DOUBLE, 1.5)], at=1)]
    payloads += [sparkplug.command(order("g", "setpoint", "warm", DataType.STRING), at=1)]
    payloads += [sparkplug.command(order("g", "setpoint", float("nan")), at=1), sparkplug.command(order("g", "", 1.0), at=1)]
    for payload in payloads:
        await bench.host.raw("", payload)
        await bench.host.raw("ac-1", payload)
    for news in (b"", b"\xff", b"ONLINE", b"[]", b"{}", DEEP.encode(), b'{"online": "false", "timestamp": 9999999999999}'):
        await bench.host.client.publish("spBv1.0/STATE/scada", news, qos=1)
    for stamp in (b"1e999", b'"1"', b"true", b"null", b"9" * 5000):
        await bench.host.client.publish("spBv1.0/STATE/scada", b'{"online": false, "timestamp": ' + stamp + b"}", qos=1)
    await bench.host.command(*order("fence", "setpoint", 22.0), device="ac-1")
    assert (await result(bench, "fence"))["state"] == "done"
    told = len(bench.proxy.of("DDATA"))
    await bench.proxy.until(lambda: len(bench.proxy.of("DDATA")) > told + 4)
    assert [len(bench.proxy.of(kind)) for kind in ("CONNECT", "NBIRTH", "NDEATH", "DISCONNECT")] == [1, 1, 0, 0]
    assert bench.world.points["ac-1"]["setpoint"] == 22.0
    assert gateway.outbox.pending(0, 1)[0].seq == 1, "nothing of it acknowledged a row"
