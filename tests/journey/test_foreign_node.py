"""An edge node of another maker, with aliases and without our outbox, against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiomqtt
import httpx

from contract import sparkplug, topics
from contract.clock import Clock, iso
from contract.sparkplug import DataType
from contract.topics import Topic
from simulators.foreign_node import ForeignNode, metric
from simulators.stack.stack import HOST_ID, Stack

Eventually = Callable[..., Any]
GROUP, NODE, DEVICE = "510802", "gw-1", "f-1"
KINDS = {"count": DataType.INT32, "level": DataType.FLOAT, "open": DataType.BOOLEAN, "label": DataType.STRING, "flow": DataType.DOUBLE}


async def births(node: ForeignNode, at: int) -> None:
    """The birth sequence: each metric with name, alias, datatype and a value, one of them null."""
    await node.say("NBIRTH", metric("bdSeq", 3, kind=DataType.INT64), metric("Node Control/Rebirth", value=False), at=at)
    first: dict[str, sparkplug.MetricValue] = {"count": -1, "level": 0.25, "open": False, "label": "一号", "flow": None}
    born = [metric(name, first[name], alias=10 + n, kind=kind, at=at) for n, (name, kind) in enumerate(KINDS.items())]
    await node.say("DBIRTH", *born, device=DEVICE, at=at)


async def test_a_foreign_node_is_stored_and_shown(stack: Stack, api: httpx.Client, eventually: Eventually) -> None:
    """Births, alias-only data of every plain datatype, nulls, quality, history: out of HTTP as they went in, also over a restart.

    tck-id-payloads-alias-data-cmd-requirement, tck-id-payloads-name-birth-data-requirement,
    tck-id-operational-behavior-edge-node-termination-host-action-*.
    """
    stack.start_broker()
    stack.start_cloud()

    async def until(condition: Callable[[], Any]) -> Any:  # noqa: ANN401 (whatever the condition gives)
        return await asyncio.to_thread(eventually, condition)

    def latest() -> dict[str, tuple[float | None, str, str]]:
        answer = api.get("/api/v1/readings/latest", params={"device": DEVICE})
        rows = answer.json() if answer.is_success else []
        return {row["point"]: (row["value"], row["quality"], row["at"]) for row in rows}

    def device() -> dict[str, Any]:
        found: dict[str, Any] = next((d for d in api.get("/api/v1/devices").json() if d["id"] == DEVICE), {})
        return found

    def series(point: str) -> list[tuple[str, float | None]]:
        params: dict[str, str] = {"device": DEVICE, "point": point, "start": iso(start - 7_200_000), "end": iso(start + 60_000)}
        return [(row["at"], row["value"]) for row in api.get("/api/v1/readings", params=params).json()]

    await until(lambda: api.get("/healthz").status_code == 200)
    password = stack.broker.password_file(NODE).read_text(encoding="utf-8")
    async with aiomqtt.Client("127.0.0.1", stack.broker.port, username=NODE, password=password) as client:
        node = ForeignNode(client, GROUP, NODE)
        await client.subscribe([(topics.state(HOST_ID), 1), (str(Topic(GROUP, "NCMD", NODE)), 1)])
        hearing = asyncio.create_task(node.listen())
        start = Clock().now_ms()
        await births(node, start)
        await until(lambda: len(latest()) == 4)
        assert latest() == {
            "count": (-1.0, "good", iso(start)), "level": (0.25, "good", iso(start)), "open": (0.0, "good", iso(start)),
            "flow": (None, "bad", iso(start)),
        }  # fmt: skip
        assert (device()["class"], device()["gateway"], device()["online"]) == ("foreign", NODE, True)

        said = [metric(value=-7, alias=10, kind=DataType.INT32, at=start + 10), metric(value=0.5, alias=11, at=start + 10)]
        said += [metric(value=True, alias=12, at=start + 10), metric(value="二号", alias=13, at=start + 10)]
        old = [metric(value=float(n), alias=14, at=start - 3_600_000 + n, historical=True) for n in range(3)]
        for one in said:
            one.ClearField("datatype")
        await node.say("DDATA", *old, *said, metric(value=9.5, alias=14, at=start + 20, quality=500), device=DEVICE, at=start + 30)
        await until(lambda: latest()["flow"][0] == 9.5)
        assert latest() == {
            "count": (-7.0, "good", iso(start + 10)), "level": (0.5, "good", iso(start + 10)), "open": (1.0, "good", iso(start + 10)),
            "flow": (9.5, "stale", iso(start + 20)),
        }  # fmt: skip
        history = [(iso(start - 3_600_000 + n), float(n)) for n in range(3)]
        assert series("flow") == [*history, (iso(start), None), (iso(start + 20), 9.5)]
        assert series("count") == [(iso(start), -1.0), (iso(start + 10), -7.0)]

        stack.processes.kill("cloud")
        stack.start_cloud()
        await until(lambda: api.get("/healthz").status_code == 200)
        await node.say("DDATA", metric(value=8.0, alias=14, at=start + 40), device=DEVICE, at=start + 40)
        await node.until(lambda: node.rebirths() == 1)
        await births(node, start + 50)
        await until(lambda: (iso(start + 40), 8.0) in series("flow"))

        await node.say("DDEATH", device=DEVICE, at=start + 60)
        await until(lambda: not device()["online"])
        assert {quality for _, quality, _ in latest().values()} == {"stale", "bad"}
        await node.say("DBIRTH", metric("count", 1, kind=DataType.INT32), device=DEVICE, at=start + 70)
        await until(lambda: device()["online"])
        await node.raw("NDEATH", sparkplug.node_death(3, at=start))
        await until(lambda: not device()["online"])
        assert latest()["count"] == (1.0, "stale", iso(start + 70))
        hearing.cancel()
