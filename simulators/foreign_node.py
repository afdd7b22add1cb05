"""A Sparkplug edge node of another maker: it uses aliases and every datatype, and knows nothing of our outbox.

It says what it is told to say, right or wrong, and writes down what it hears; the cloud has to make the best of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections.abc import Callable, Sequence

import aiomqtt

from contract import sparkplug
from contract.clock import Clock
from contract.sparkplug import DataType
from contract.sparkplug_b_pb2 import Metric, Payload
from contract.topics import Topic

_PATIENCE = 20.0
_TURNS = 256


def metric(
    name: str = "",
    value: sparkplug.MetricValue = None,
    *,
    alias: int | None = None,
    kind: int = 0,
    at: int = 0,
    quality: int | None = None,
    historical: bool = False,
    transient: bool = False,
) -> Metric:
    """A metric as any stack may write it; without a name it is known by its alias only, without a value it is null."""
    made = Metric(name=name or None, alias=alias, timestamp=at or None, datatype=kind or None)
    fallback = {bool: DataType.BOOLEAN, int: DataType.INT64, str: DataType.STRING}.get(type(value), DataType.DOUBLE)
    sparkplug.put(made, DataType(kind) if kind else fallback, value)
    if quality is not None:
        made.properties.keys.append("Quality")
        made.properties.values.add(type=DataType.INT32, int_value=quality)
    made.is_historical, made.is_transient = historical, transient
    return made


def payload(metrics: Sequence[Metric] = (), *, at: int, seq: int | None = None) -> bytes:
    """A payload of any kind."""
    return Payload(timestamp=at, seq=seq, metrics=metrics).SerializeToString()


def nbirth(*metrics: Metric, at: int, bd_seq: int = 0, outbox: str = "", seq: int = 0) -> bytes:
    """NBIRTH with what it must have; with the outbox extension if one is named."""
    head = [metric("bdSeq", bd_seq, kind=DataType.INT64, at=at), metric(sparkplug.REBIRTH, value=False, at=at)]
    if outbox:
        head.append(metric(sparkplug.STORE_OUTBOX, outbox))
    return payload([*head, *metrics], at=at, seq=seq)


def compressed(raw: bytes, algorithm: str = "", *, form: int = zlib.MAX_WBITS) -> bytes:
    """A payload in a compressed one; `form` is zlib's `wbits`: 15 zlib, 31 gzip, -15 deflate without a header."""
    stream = zlib.compressobj(wbits=form)
    named = [metric("algorithm", algorithm, kind=DataType.STRING)] if algorithm else []
    return Payload(uuid="SPBV1.0_COMPRESSED", metrics=named, body=stream.compress(raw) + stream.flush()).SerializeToString()


class ForeignNode:
    """A connected edge node; `client` has subscribed what it wants to hear."""

    def __init__(self, client: aiomqtt.Client, group: str, node: str) -> None:
        self.client, self.group, self.node, self.seq = client, group, node, 0
        self.heard: list[aiomqtt.Message] = []
        self._more = asyncio.Event()

    async def listen(self) -> None:
        """Write down every message, until cancelled or until the connection ends."""
        with contextlib.suppress(aiomqtt.MqttError):
            async for message in self.client.messages:
                self.heard.append(message)
                self._more.set()

    def commands(self, kind: str = "NCMD") -> list[Payload]:
        """The commands heard so far."""
        return [sparkplug.decode(_raw(m)) for m in self.heard if f"/{kind}/" in str(m.topic)]

    def rebirths(self) -> int:
        """How often births were asked for."""
        return sum(sparkplug.REBIRTH in sparkplug.values(p) for p in self.commands())

    def states(self) -> list[tuple[bool, int]]:
        """What the host said of itself: online, timestamp."""
        found = [json.loads(_raw(m)) for m in self.heard if "/STATE/" in str(m.topic)]
        return [(said["online"], said["timestamp"]) for said in found]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something was heard."""
        async with asyncio.timeout(_PATIENCE):
            while not condition():
                self._more.clear()
                await self._more.wait()

    async def say(self, kind: str, *metrics: Metric, device: str = "", at: int = 0, seq: int | None = None) -> None:
        """Publish with the next seq, or with another."""
        self.seq = 0 if kind == "NBIRTH" else self.seq
        raw = payload(metrics, at=at or Clock().now_ms(), seq=self.seq if seq is None else seq)
        self.seq = (self.seq + 1) % _TURNS
        await self.client.publish(str(Topic(self.group, kind, self.node, device)), raw)

    async def raw(self, kind: str, raw: bytes, device: str = "") -> None:
        """Publish any bytes."""
        await self.client.publish(str(Topic(self.group, kind, self.node, device)), raw)


def _raw(message: aiomqtt.Message) -> bytes:
    return message.payload if isinstance(message.payload, bytes) else b""
