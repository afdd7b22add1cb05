"""Commands that the host sends, against a real mosquitto (section 1.3: `topics-ncmd-*`, `payloads-dcmd-seq`, aliases)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloud.operations import commands
from cloud.operations.model import Standing
from cloud.texts import in_words
from contract import sparkplug
from contract.coded import read
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Payload
from simulators.foreign_node import ForeignNode, metric, nbirth
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

GROUP, NODE = "510802", "f1"
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def born(cloud: Cloud, edge: ForeignNode) -> None:
    """A node with a device whose points have aliases, or not."""
    await edge.say("NBIRTH", metric("bdSeq", 0), metric(sparkplug.REBIRTH, value=False))
    points = [metric("setpoint", 20, alias=4, kind=DataType.INT16), metric("on", value=False, kind=DataType.BOOLEAN)]
    await edge.say("DBIRTH", *points, metric(sparkplug.COMMAND_ID, "", alias=9), device="d1")
    await cloud.until(lambda: cloud.latest("d1") == {"setpoint": 20.0, "on": 0.0})


def order(line: Line, name: str, point: str, value: float, now: int) -> None:
    line.insert(
        tables.command, id=name, grp=GROUP, device="d1", point=point, value=value, why="", by="li", created_at=now,
        expires_at=now + 60_000, state="queued", reason="",
    )  # fmt: skip


def state(line: Line, name: str) -> tuple[str, str]:
    (row,) = line.rows(tables.command, id=name)
    return row["state"], in_words(read(row["reason"]), "en")


def told(payload: Payload) -> list[dict[str, Any]]:
    """The metrics of a command as they stand in it."""
    return [
        {field.name: value for field, value in one.ListFields() if field.name != "timestamp"} for one in payload.metrics if one.timestamp
    ]


async def test_rebirth_is_asked_for_by_name(cloud: Cloud) -> None:
    """QoS 0, not retained, a time, no seq, and the name, whatever alias a birth may give it.

    tck-id-topics-ncmd-mqtt, -topic, -timestamp, -payload, tck-id-payloads-ncmd-seq, tck-id-payloads-ncmd-timestamp,
    tck-id-operational-behavior-data-commands-ncmd-rebirth-verb, -ncmd-rebirth-name, -ncmd-rebirth-value.
    """
    before = cloud.clock.now_ms()
    async with cloud.running(), cloud.edge() as edge:
        await edge.say("DDATA", metric(value=1.0, alias=1), device="d1")
        await edge.until(edge.commands)
    (payload,) = edge.commands()
    assert told(payload) == [{"name": sparkplug.REBIRTH, "datatype": DataType.BOOLEAN, "boolean_value": True}]
    assert (payload.HasField("seq"), before <= payload.timestamp <= cloud.clock.now_ms()) == (False, True)
    (message,) = [m for m in edge.heard if "/NCMD/" in str(m.topic)]
    assert (str(message.topic), message.qos, message.retain) == (f"spBv1.0/{GROUP}/NCMD/{NODE}", 0, False)


async def test_a_resend_is_asked_for_as_any_command(cloud: Cloud, line: Line) -> None:
    """Queued by another process, sent by the service, which has the broker's user: QoS 0, not retained, with a time and without seq.

    A command with a connection of its own threw the service off: one user has one connection. (tck-id-topics-ncmd-mqtt)
    """
    before = cloud.clock.now_ms()
    async with cloud.running(), cloud.edge() as edge:
        await edge.raw("NBIRTH", nbirth(at=before, outbox="box"))
        await cloud.until(lambda: line.rows(tables.node))
        name = commands.place(cloud.engine, commands.resend(GROUP, NODE, (5, 9), "test", before), before)
        await edge.until(edge.commands)
        await cloud.until(lambda: commands.standing(cloud.engine, GROUP, name) == Standing("done", None, None))
        payload, message = edge.commands()[-1], [m for m in edge.heard if "/NCMD/" in str(m.topic)][-1]
    assert told(payload) == [{"name": sparkplug.STORE_RESEND, "datatype": DataType.STRING, "string_value": '{"from": 5, "to": 9}'}]
    assert (before <= payload.timestamp, payload.HasField("seq"), message.qos, message.retain) == (True, False, 0, False)


async def test_a_question_for_rows_waits_for_its_gateway(cloud: Cloud, line: Line) -> None:
    """While the gateway is offline nobody would hear it: it stands queued while another one is asked, and goes out after the birth."""
    now = cloud.clock.now_ms()
    async with cloud.running(), cloud.edge("f2") as other, cloud.edge() as edge:
        for one in (edge, other):
            await one.raw("NBIRTH", nbirth(at=now, outbox="box"))
        await cloud.until(lambda: len(line.rows(tables.node)) == 2)
        await edge.raw("NDEATH", nbirth(at=now))
        await cloud.until(lambda: line.rows(tables.node, id=NODE, online=False))
        waits, asked = (commands.place(cloud.engine, commands.resend(GROUP, of, (5, 9), "test", now), now) for of in (NODE, "f2"))
        await cloud.until(lambda: state(line, asked) == ("done", ""))
        assert (state(line, waits), edge.commands()) == (("queued", ""), [])
        await edge.raw("NBIRTH", nbirth(at=now + 1, outbox="box"))
        await cloud.until(lambda: state(line, waits) == ("done", ""))
        await edge.until(edge.commands)
    (payload,) = edge.commands()
    assert told(payload) == [{"name": sparkplug.STORE_RESEND, "datatype": DataType.STRING, "string_value": '{"from": 5, "to": 9}'}]


async def test_a_command_speaks_as_the_birth_does(cloud: Cloud, line: Line) -> None:
    """By alias where the birth has one, else by name; with the birth's datatype; without metrics that the birth does not list.

    tck-id-topics-dcmd-mqtt, -topic, -timestamp, -payload, tck-id-payloads-dcmd-seq, tck-id-payloads-dcmd-timestamp,
    tck-id-payloads-alias-data-cmd-requirement, tck-id-operational-behavior-data-commands-dcmd-metric-name, -dcmd-metric-value.
    """
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        now = cloud.clock.now_ms()
        order(line, "c1", "setpoint", -5.0, now)
        order(line, "c2", "on", 1.0, now + 1)
        await edge.until(lambda: len(edge.commands("DCMD")) == 2)
        await cloud.until(lambda: [state(line, c)[0] for c in ("c1", "c2")] == ["sent", "sent"])
    first, second = edge.commands("DCMD")
    assert told(first) == [
        {"alias": 4, "datatype": DataType.INT16, "int_value": 0xFFFB},
        {"alias": 9, "datatype": DataType.STRING, "string_value": "c1"},
    ]
    assert told(second)[0] == {"name": "on", "datatype": DataType.BOOLEAN, "boolean_value": True}
    assert not first.HasField("seq")
    assert first.timestamp >= now
    sent = [m for m in edge.heard if "/DCMD/" in str(m.topic)]
    assert {(str(m.topic), m.qos, m.retain) for m in sent} == {(f"spBv1.0/{GROUP}/DCMD/{NODE}/d1", 0, False)}


@pytest.mark.parametrize(
    ("point", "value", "why"),
    [
        ("setpoint", 40_000.0, "40000 is no value of datatype 2"),
        ("setpoint", 20.5, "20.5 is no value of datatype 2"),
        ("on", 2.0, "2 is no value of datatype 11"),
        ("gone", 1.0, "the device does not list gone in its birth"),
    ],
)
async def test_what_the_device_cannot_take_is_not_sent(cloud: Cloud, line: Line, point: str, value: float, why: str) -> None:
    """An integer does not wrap round to another setpoint: the command fails with its reason, and the next one is sent."""
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        now = cloud.clock.now_ms()
        order(line, "wrong", point, value, now)
        order(line, "right", "setpoint", 21.0, now + 1)
        await edge.until(lambda: edge.commands("DCMD"))
        await cloud.until(lambda: state(line, "right")[0] == "sent")
    assert state(line, "wrong") == ("failed", why)
    assert [told(p)[0]["int_value"] for p in edge.commands("DCMD")] == [21]


async def test_only_the_asked_device_answers(cloud: Cloud, line: Line) -> None:
    """An answer from another device, to no command, or in no form of ours, changes nothing."""
    async with cloud.running() as host, cloud.edge() as edge:
        await born(cloud, edge)
        order(line, "c1", "setpoint", 21.0, cloud.clock.now_ms())
        await cloud.until(lambda: state(line, "c1")[0] == "sent")
        await edge.say("DBIRTH", device="d2")
        answer = metric(sparkplug.COMMAND_RESULT, '{"id": "c1", "state": "done", "read_back": 21}')
        odd = ["[" * 100_000, "[" * 4000, "{}", "1", '{"id": "c1", "state": ["done"]}', '{"id": "c1", "state": "done", "read_back": NaN}']
        odd += ['{"id": "c1", "state": "done", "read_back": 1' + "0" * 400 + "}", '{"id": 7, "state": "done"}']
        await edge.say("DDATA", answer, device="d2")
        await edge.say("DDATA", *(metric(sparkplug.COMMAND_RESULT, text) for text in odd), device="d1")
        await cloud.until(lambda: host.dropped["not a command result"] == len(odd))
        assert state(line, "c1") == ("sent", "")
        await edge.say("DDATA", answer, device="d1")
        await cloud.until(lambda: state(line, "c1")[0] == "done")
