"""Commands that nobody answers: a device of another maker shows by its data that it did what it was told, a node by its births."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cloud.cli.shared import give
from cloud.ingest.awaited import AwaitedCommand
from cloud.operations import commands
from cloud.operations.model import Command
from cloud.texts import in_words
from contract import sparkplug
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Metric
from contract.topics import Topic
from simulators.foreign_node import ForeignNode, metric, nbirth, payload
from tests.cloud import tables

if TYPE_CHECKING:
    from tests.cloud.ingest.conftest import Cloud, Line

GROUP, NODE, NOW = "510802", "f1", 1_790_000_000_000
BORN = [
    metric("setpoint", 20.0, alias=4, kind=DataType.FLOAT),
    metric("on", value=False, alias=5, kind=DataType.BOOLEAN),
    metric("label", "一号", alias=6, kind=DataType.STRING),
    metric("limit", 7, kind=DataType.INT16),
]


def place(line: Line, device: str, point: str, value: float, now: int, seconds: int = 60) -> str:
    order = Command(GROUP, device, point, value, "a test", "li", now + seconds * 1000)
    assert commands.refusal(line.engine, order, now) is None
    return commands.place(line.engine, order, now)


def standing(line: Line, name: str) -> tuple[str, float | None, str]:
    found = commands.standing(line.engine, GROUP, name)
    assert found is not None
    return found.state, found.read_back, "" if found.reason is None else in_words(found.reason, "en")


async def born(cloud: Cloud, edge: ForeignNode) -> None:
    await edge.say("NBIRTH", metric("bdSeq", 0), metric("level", 1.0), metric("mode", 1, kind=DataType.INT32))
    await edge.say("DBIRTH", *BORN, device="d1")
    await cloud.until(lambda: cloud.latest("d1") == {"setpoint": 20.0, "on": 0.0, "limit": 7.0})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_foreign_device_is_commanded_and_shows_it(cloud: Cloud, line: Line) -> None:
    """By alias or by name as the newest birth says, with the birth's datatype and without an id; done by data that shows the value.

    21.3 is no Float: what comes back is the Float beside it. A node's own metric goes by NCMD.
    """
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        now = cloud.clock.now_ms()
        asked = [place(line, device, point, value, now) for device, point, value in (("d1", "setpoint", 21.3), ("d1", "on", 1.0))]
        asked += [place(line, "d1", "limit", -3.0, now), place(line, NODE, "mode", 2.0, now)]
        await edge.until(lambda: len(edge.commands("DCMD")) == 3 and edge.commands())
        sent = [p.metrics[0] for p in edge.commands("DCMD")]
        assert [(m.name, m.alias, m.datatype, sparkplug.get(m, m.datatype)) for m in sent] == [
            ("", 4, DataType.FLOAT, pytest.approx(21.3)), ("", 5, DataType.BOOLEAN, True), ("limit", 0, DataType.INT16, -3),
        ]  # fmt: skip
        assert [len(p.metrics) for p in edge.commands("DCMD")] == [1, 1, 1]
        await edge.say("DDATA", metric(value=20.5, alias=4, kind=DataType.FLOAT), device="d1")
        await cloud.until(lambda: cloud.latest("d1")["setpoint"] == 20.5)
        assert [standing(line, name)[0] for name in asked] == ["sent"] * 4
        await edge.say("DDATA", sent[0], metric(value=True, alias=5), device="d1")
        await edge.say("DDATA", metric("limit", -3, kind=DataType.INT16), device="d1")
        await edge.say("NDATA", metric("mode", 2, kind=DataType.INT32))
        await cloud.until(lambda: [standing(line, name)[0] for name in asked] == ["done"] * 4)
    assert [standing(line, name)[1] for name in asked] == [pytest.approx(21.3), 1.0, -3.0, 2.0]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_command_that_nothing_shows_fails_when_it_expires(cloud: Cloud, line: Line) -> None:
    """It is not sent again, and data that shows another value, or comes too late, makes it no success."""
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        name = place(line, "d1", "limit", 9.0, cloud.clock.now_ms(), seconds=2)
        await edge.until(lambda: edge.commands("DCMD"))
        await edge.say("DDATA", metric("limit", 8, kind=DataType.INT16), device="d1")
        await cloud.until(lambda: standing(line, name)[0] == "failed")
        await edge.say("DDATA", metric("limit", 9, kind=DataType.INT16), device="d1")
        await cloud.until(lambda: cloud.latest("d1")["limit"] == 9.0)
        assert len(edge.commands("DCMD")) == 1
    assert standing(line, name) == ("failed", None, "nothing showed that it was done before it expired")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_what_was_sent_is_still_watched_after_a_restart(cloud: Cloud, line: Line) -> None:
    """The command and the question for births stand in the database; a new process sees the data and the births that show them."""
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        now = cloud.clock.now_ms()
        name, asked = (
            place(line, "d1", "limit", 9.0, now),
            commands.place(line.engine, commands.rebirth(GROUP, NODE, "why", "li", now), now),
        )
        await cloud.until(lambda: [r["state"] for r in line.rows(tables.command)] == ["sent", "sent"])
    async with cloud.running() as host, cloud.edge() as edge:
        await cloud.until(lambda: len(host.awaited) == 2)
        await edge.say("NBIRTH", metric("bdSeq", 1))
        await edge.say("DBIRTH", metric("limit", 9, kind=DataType.INT16), device="d1")
        await cloud.until(lambda: [standing(line, of)[0] for of in (name, asked)] == ["done", "done"])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_node_is_asked_for_its_births(cloud: Cloud, line: Line) -> None:
    """By name as tck-id-operational-behavior-data-commands-ncmd-rebirth-name says; births end it, silence fails it."""
    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        now = cloud.clock.now_ms()
        name = commands.place(line.engine, commands.rebirth(GROUP, NODE, "who is there", "li", now), now)
        await edge.until(edge.rebirths)
        assert standing(line, name) == ("sent", None, "")
        await edge.say("DDATA", metric("limit", 1, kind=DataType.INT16), device="d1")
        await cloud.until(lambda: cloud.latest("d1")["limit"] == 1.0)
        await cloud.until(lambda: [r["state"] for r in line.rows(tables.command)] == ["sent"])
        await edge.say("NBIRTH", metric("bdSeq", 0))
        await cloud.until(lambda: standing(line, name)[0] == "done")
        silent = Command(GROUP, NODE, sparkplug.REBIRTH, 1.0, "again", "li", cloud.clock.now_ms() + 1000)
        name = commands.place(line.engine, silent, cloud.clock.now_ms())
        await cloud.until(lambda: standing(line, name)[0] == "failed")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_the_command_line_waits_for_the_end(cloud: Cloud, line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    """`--wait` says how it ended: done with exit code 0, anything else with its reason and 1."""

    def said() -> str:
        return capsys.readouterr().out.splitlines()[-1][36:]

    def ask(seconds: int) -> int:
        now = cloud.clock.now_ms()
        order = Command(GROUP, NODE, sparkplug.REBIRTH, 1.0, "why", "li", now + seconds * 1000)
        return give(line.engine, cloud.clock, order, wait=True)

    async with cloud.running(), cloud.edge() as edge:
        await born(cloud, edge)
        asking = asyncio.create_task(asyncio.to_thread(ask, 60))
        await edge.until(edge.rebirths)
        await edge.say("NBIRTH", metric("bdSeq", 0))
        assert (await asking, said()) == (0, ": done")
        assert await asyncio.to_thread(ask, 1) == 1
        assert said() == ": failed, nothing showed that it was done before it expired"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"device": "nobody"}, "no device 'nobody' in the group 510802"),
    ({"point": "limt"}, "point: 'limt' of d1 cannot be written; expected one of limit"),
    ({"point": "label"}, "point: 'label' of d1 cannot be written; expected one of"),
    ({"point": "on", "value": 2.0}, "value: 2 is no value of datatype 11"),
    ({"value": 1.5}, "value: 1.5 is no value of datatype 2"),
    ({"point": "setpoint", "value": 1e39}, "value: 1e+39 is too large for datatype 9"),
    ({"device": NODE, "point": "bdSeq"}, "point: 'bdSeq' of f1 cannot be written"),
    ({"device": NODE, "point": "Node Control/Reboot"}, "point: 'Node Control/Reboot' of f1 cannot be written"),
    ({"device": "later"}, "later was never born"),
    ({"device": "gw-1", "point": "outbox_depth"}, "gw-1 has no profile, so nothing may be written to it"),
    ({"expires_at": NOW}, "expires: expected a time after"),
]


@pytest.mark.parametrize(("change", "said"), REFUSED)
def test_what_a_birth_does_not_allow_is_refused_at_once(line: Line, change: dict[str, Any], said: str) -> None:
    """Names that are not born or reserved, texts, numbers that do not fit; and of our gateways only what a profile allows."""
    own = [metric("level", 1.0), metric("Node Control/Reboot", value=False)]
    line.feed((Topic(GROUP, "NBIRTH", NODE), nbirth(*own, at=NOW)), (Topic(GROUP, "DBIRTH", NODE, "d1"), payload(BORN, at=NOW, seq=1)))
    line.feed((Topic(GROUP, "NBIRTH", "gw-1"), nbirth(metric("outbox_depth", 0.0), at=NOW, outbox="uuid")))
    device: dict[str, Any] = {"grp": GROUP, "id": "later", "class": "foreign", "name": "{}", "gateway": NODE}
    line.insert(tables.device, **device)
    given: dict[str, Any] = {
        "group": GROUP,
        "device": "d1",
        "point": "limit",
        "value": 1.0,
        "why": "w",
        "by": "li",
        "expires_at": NOW + 1,
    } | change
    why_not = commands.refusal(line.engine, Command(**given), NOW)
    assert why_not is not None
    assert in_words(why_not, "en").startswith(said)


def test_only_what_is_shown_afterwards_and_now_counts(line: Line) -> None:
    """Data from before the command, of another device, historical or stale is no answer; a doubtful clock makes it no other value."""
    line.feed((Topic(GROUP, "NBIRTH", NODE), nbirth(at=NOW)))
    for seq, device in enumerate(("d1", "d2"), 1):
        line.feed((Topic(GROUP, "DBIRTH", NODE, device), payload([metric("limit", 7, kind=DataType.INT16)], at=NOW, seq=seq)))
    line.known.awaited.add(GROUP, "d1", AwaitedCommand("c1", "limit", 9.0, NOW + 100))
    plain = metric("limit", 9, kind=DataType.INT16)

    def shown(seq: int, received_at: int, said: Metric = plain, device: str = "d1") -> list[str]:
        raw = payload([said], at=NOW + 50, seq=seq)
        return [result.id for result in line.feed((Topic(GROUP, "DDATA", NODE, device), raw), at=received_at).results]

    assert shown(3, NOW + 99) == []
    assert shown(4, NOW + 100, device="d2") == []
    assert shown(5, NOW + 100, metric("limit", 9, kind=DataType.INT16, historical=True)) == []
    assert shown(6, NOW + 100, metric("limit", 9, kind=DataType.INT16, quality=500)) == []
    assert shown(7, NOW + 100, metric("limit", 9, kind=DataType.INT16, at=NOW - 86_400_000)) == ["c1"]
    assert shown(8, NOW + 100) == [], "once"
    assert len(line.known.awaited) == 0
