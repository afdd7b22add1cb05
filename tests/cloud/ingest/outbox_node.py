"""A node with an outbox, as small as it can be: it sends its rows again and again until they are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from contract import sparkplug
from contract.clock import Clock
from contract.reading import Row
from contract.sparkplug import DataType, MetricDefinition
from contract.store import parse_ack
from contract.topics import Topic
from simulators.foreign_node import ForeignNode
from tests.cloud.ingest.conftest import Broker, foreign

AGAIN = 1.0
"""Seconds until a row goes again; a gateway waits ten."""


@dataclass
class OutboxNode:
    """A connected gateway that says what it is told to, whatever STATE says."""

    node: ForeignNode
    outbox: str
    clock: Clock = field(default_factory=Clock)
    off: int = 0
    """By how much (ms) its clock is ahead."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By position, all that were committed."""
    acknowledged: set[int] = field(default_factory=set)
    begin: int = field(default_factory=lambda: Clock().now_ms() - 10_800_000)
    """A moment three hours before it began, ms."""

    def now(self) -> int:
        """Ms by its clock."""
        return self.clock.now_ms() + self.off

    async def born(self, *devices: str) -> None:
        """Say NBIRTH and DBIRTHs."""
        root = [
            MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 0),
            MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, self.outbox),
            MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64, 0),
        ]
        await self.node.raw("NBIRTH", sparkplug.birth(root, at=self.now(), seq=0))
        for number, device in enumerate(devices, 1):
            leaf = [MetricDefinition("energy_import", DataType.DOUBLE)]
            await self.node.raw("DBIRTH", sparkplug.birth(leaf, at=self.now(), seq=number), device)

    async def commit(self, rows: Iterable[Row]) -> None:
        """Put rows into the outbox and send them."""
        for row in rows:
            position = len(self.rows) + 1
            self.rows[position] = row
            await self._send(position)

    async def _send(self, position: int) -> None:
        row = self.rows[position]
        body = sparkplug.encode_rows([row], historical=False)
        raw = sparkplug.data(body, sent_at=self.now(), seq=position % 256, store_seq=position)
        await self.node.client.publish(str(Topic(self.node.group, "DDATA", self.node.node, row.device)), raw)

    def waiting(self) -> set[int]:
        """Positions that nobody acknowledged yet."""
        for payload in self.node.commands():
            text = sparkplug.values(payload).get(sparkplug.STORE_ACK)
            ack = parse_ack(text) if isinstance(text, str) else None
            if ack is not None and ack.outbox == self.outbox:
                self.acknowledged |= {number for first, last in ack.stored for number in range(first, last + 1)}
        self.node.heard.clear()
        return self.rows.keys() - self.acknowledged

    async def empty(self, seconds: float = 30.0) -> None:
        """Return when all is acknowledged; what is not goes again each second."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            sent = loop.time()
            while left := self.waiting():
                if loop.time() - sent >= AGAIN:
                    sent = loop.time()
                    for position in sorted(left):
                        await self._send(position)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def outbox_node(broker: Broker, name: str, group: str) -> AsyncIterator[OutboxNode]:
    """A connected gateway with an outbox of its own."""
    async with foreign(broker, name, group) as node:
        yield OutboxNode(node, f"outbox-of-{name}")
