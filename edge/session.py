"""What a gateway publishes in one Sparkplug session: births, data and deaths, numbered over the node (Sparkplug 3.0, chapter 6)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiomqtt

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.site import Device
from contract.sparkplug import DataType, MetricDefinition
from contract.sparkplug_b_pb2 import Metric
from contract.topics import Topic
from edge import certificates
from edge.outbox.outbox import Outbox
from edge.outbox.rows import Kept
from edge.send_window import Window
from edge.timekeeping import GatewayClock, undated

_GOODBYE = 2.0
"""Seconds that an NDEATH before an intentional leave may take."""


@dataclass(slots=True)
class Node:
    """What a gateway knows of itself from one session to the next.

    Attributes:
        group: Sparkplug group id.
        id: Sparkplug edge node id.
        devices: Those the gateway speaks for.
        outbox: Where its rows lie.
        clock: Its time.
        latest: The newest row of each device, and of the gateway.
        dead: Devices whose link is lost.
        former: By device ("" for the gateway), metrics of committed rows that today's site does not have.
    """

    group: str
    id: str
    devices: Mapping[str, Device]
    outbox: Outbox
    clock: Clock
    latest: dict[str, Row] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    former: dict[str, dict[str, DataType]] = field(default_factory=dict)

    def topic(self, kind: str, device: str = "") -> str:
        """A topic of this gateway or of one of its devices."""
        return str(Topic(self.group, kind, self.id, device))


class Session:
    """One session from its NBIRTH to its NDEATH; one message at a time, so that `seq` follows the order of sending."""

    def __init__(self, node: Node, client: aiomqtt.Client, bd_seq: int) -> None:
        """`bd_seq` is the number that the will of this connection carries."""
        self._node, self._client, self._bd_seq = node, client, bd_seq
        self._seq = 0
        self._born: dict[str, set[str]] = {}
        """Metric names by device, "" for the gateway."""
        self._sending = asyncio.Lock()

    async def births(self) -> None:
        """The complete birth sequence, at the start and when a host asks for it (…-commands-rebirth-action-1 to -3)."""
        async with self._sending:
            await self._births()

    async def link(self, device: str, *, alive: bool) -> None:
        """A device came back or was lost (tck-id-operational-behavior-device-ddeath)."""
        async with self._sending:
            if alive:
                await self._device_birth(device)
            elif device in self._born:
                await self._device_death(device)

    async def row(self, row: Kept, *, historical: bool) -> None:
        """Send a committed row."""
        device = "" if row.device == self._node.id else row.device
        body = sparkplug.as_historical(row.body) if historical else row.body
        async with self._sending:
            if historical or device not in self._born:
                await self._bear(device, row.body)
            payload = sparkplug.data(body, sent_at=self._node.clock.now_ms(), seq=self._next_seq(), store_seq=row.seq)
            await self._publish("DDATA" if device else "NDATA", device, payload)

    async def unkept(self, row: Row) -> None:
        """Send a row that no outbox keeps, once and without a position: nobody acknowledges it, and nobody sends it again."""
        device = "" if row.device == self._node.id else row.device
        body = sparkplug.encode_rows([row], historical=row.late)
        async with self._sending:
            if device not in self._node.dead:
                await self._bear(device, body)
                payload = sparkplug.data(body, sent_at=self._node.clock.now_ms(), seq=self._next_seq())
                await self._publish("DDATA" if device else "NDATA", device, payload)

    async def waits(self, health: Row) -> None:
        """Say live how the gateway is while it does not know the time; its rows, this one too, wait for their date.

        How many these are is null where the outbox cannot say it.
        """
        waiting = health.values.get("outbox_undated")
        undated = MetricDefinition(sparkplug.STORE_UNDATED, DataType.UINT64, None if waiting is None else int(waiting))
        said = [undated, *(MetricDefinition(point, DataType.DOUBLE, value) for point, value in health.values.items())]
        async with self._sending:
            await self._publish("NDATA", "", sparkplug.birth(said, at=self._node.clock.now_ms(), seq=self._next_seq()))

    async def bury(self, window: Window) -> None:
        """Deaths of devices that are not there and were born only for rows that have arrived by now."""
        async with self._sending:
            for device in [d for d in self._born if d and (d in self._node.dead or d not in self._node.devices)]:
                if not window.holds(device):
                    await self._device_death(device)

    async def death(self) -> None:
        """NDEATH before an intentional leave (tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath)."""
        payload = sparkplug.node_death(self._bd_seq, at=self._node.clock.now_ms())
        await self._client.publish(self._node.topic("NDEATH"), payload, qos=1, timeout=_GOODBYE)

    async def _births(self) -> None:
        """NBIRTH with seq 0, then every living device (tck-id-payloads-dbirth-order)."""
        node = self._node
        self._seq = 0
        self._born.clear()
        former = dict(node.former.get("", {}))
        kept = isinstance(node.clock, GatewayClock) and node.clock.waiting is None
        if isinstance(node.clock, GatewayClock) and not kept:
            former[sparkplug.STORE_UNDATED] = DataType.UINT64
        health, last_seq = self._latest(node.id), node.outbox.last_seq()
        await self._birth("", certificates.node(self._bd_seq, node.outbox.uuid, last_seq, health, former, synchronised=kept))
        for device in node.devices:
            if device not in node.dead:
                await self._device_birth(device)

    async def _device_birth(self, device: str) -> None:
        node = self._node
        await self._birth(device, certificates.device(node.devices.get(device), self._latest(device), node.former.get(device, {})))

    def _latest(self, device: str) -> Row | None:
        """The newest row of a device, unless it was read before the clock was set: it waits for its date, and no birth may tell it."""
        row = self._node.latest.get(device)
        return None if row is None or undated(row) else row

    async def _birth(self, device: str, metrics: list[MetricDefinition]) -> None:
        self._born[device] = {born.name for born in metrics}
        payload = sparkplug.birth(metrics, at=self._node.clock.now_ms(), seq=self._next_seq())
        await self._publish("DBIRTH" if device else "NBIRTH", device, payload)

    async def _device_death(self, device: str) -> None:
        del self._born[device]
        await self._publish("DDEATH", device, sparkplug.device_death(at=self._node.clock.now_ms(), seq=self._next_seq()))

    async def _bear(self, device: str, body: bytes) -> None:
        """Birth before data also for old rows: of a device that is not there now, and of metrics that it no longer has."""
        carried = sparkplug.decode(body).metrics
        born = self._born.get(device)
        missing = [m for m in carried if born is None or m.name not in born]
        if born is not None and not missing:
            return
        types = {m.name: _datatype(m) for m in missing}
        self._node.former.setdefault(device, {}).update(types)
        await (self._device_birth(device) if device else self._births())

    def _next_seq(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % 256
        return seq

    async def _publish(self, kind: str, device: str, payload: bytes) -> None:
        await self._client.publish(self._node.topic(kind, device), payload, qos=0)


def _datatype(metric: Metric) -> DataType:
    """What a committed metric says, or, from before it did, what its value shows."""
    if metric.datatype:
        return DataType(metric.datatype)
    return DataType.STRING if metric.HasField("string_value") else DataType.DOUBLE
