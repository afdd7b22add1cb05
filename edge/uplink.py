"""From the outbox to the broker: one Sparkplug session after the other (Sparkplug 3.0, chapters 5 and 6)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable

import aiomqtt
import structlog

from contract import sparkplug, topics
from contract.clock import Clock
from contract.reading import Row
from contract.site import Device
from contract.sparkplug_b_pb2 import Payload
from contract.store import parse_ack, parse_resend
from contract.topics import Topic
from edge import certificates
from edge.outbox.keeping import recall
from edge.outbox.outbox import Kept, Outbox
from edge.settings import Settings
from edge.window import Window

log = structlog.get_logger()
OnCommand = Callable[[str, dict[str, sparkplug.MetricValue]], Awaitable[None]]
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


class _HostOffline(Exception):  # noqa: N818 (not a fault: the host said goodbye)
    """The primary host went away; the session ends and the rows stay."""


class Uplink:
    """Keeps a session with the broker and sends every committed row until it is acknowledged."""

    def __init__(self, settings: Settings, group: str, devices: list[Device], outbox: Outbox, clock: Clock, on_command: OnCommand) -> None:
        """`devices` are those the gateway speaks for."""
        self._settings, self._group, self._node = settings, group, settings.gateway
        self._devices = {d.id: d for d in devices}
        self._outbox, self._clock, self._on_command = outbox, clock, on_command
        self._latest: dict[str, Row] = {}
        self._dead: set[str] = set()
        self._window: Window | None = None
        self._client: aiomqtt.Client | None = None
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._seq = 0
        self._bd_seq = 0
        self._host_seen = 0
        self._host_online = asyncio.Event()
        self.online = asyncio.Event()

    def committed(self, kept: list[Kept]) -> None:
        """Rows are on disk and may go."""
        if self._window is not None:
            self._window.committed(kept)
        self._wake.set()

    def latest(self, row: Row) -> None:
        """Remember a row for the next birth."""
        self._latest[row.device] = row

    async def device_alive(self, device: str, *, alive: bool) -> None:
        """A device's link was lost or came back: DDEATH or DBIRTH."""
        if alive != (device in self._dead):
            return
        (self._dead.discard if alive else self._dead.add)(device)
        async with self._sending:
            if self._client is None:
                return
            with contextlib.suppress(aiomqtt.MqttError):  # the session loop meets the same error and starts anew
                await (self._device_birth(device) if alive else self._device_death(device))

    async def run(self) -> None:
        """Hold sessions until cancelled; wait a little longer after each failure."""
        wait = _FIRST_WAIT
        while True:
            started = time.monotonic()
            try:
                await self._session()
            except* (aiomqtt.MqttError, OSError) as errors:
                log.warning("uplink lost", gateway=self._node, reason=str(errors.exceptions[0]))
            except* _HostOffline:
                log.info("host offline", gateway=self._node)
            finally:
                self._client = self._window = None
                self.online.clear()
                self._host_online.clear()
            wait = _FIRST_WAIT if time.monotonic() - started > _LONGEST_WAIT else min(wait * 2, _LONGEST_WAIT)
            await asyncio.sleep(wait * (0.5 + secrets.randbelow(1000) / 1000))

    def _topic(self, kind: str, device: str = "") -> str:
        return str(Topic(self._group, kind, self._node, device))

    async def _session(self) -> None:
        self._bd_seq = self._outbox.next_session()
        death = sparkplug.node_death(self._bd_seq, at=self._clock.now_ms())
        broker = self._settings.broker
        async with aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.user or None,
            password=broker.password(),
            identifier=f"{self._group}-{self._node}",
            clean_session=True,
            keepalive=15,
            timeout=10,
            tls_context=ssl.create_default_context(cafile=broker.ca_file) if broker.ca_file else None,
            will=aiomqtt.Will(self._topic("NDEATH"), death, qos=1),
        ) as client:
            await client.subscribe([(self._topic("NCMD"), 1), (self._topic("DCMD", "+"), 1), (topics.state(self._settings.host_id), 1)])
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receiving(client), name="uplink-receive")
                    tasks.create_task(self._begin(client), name="uplink-send")
            finally:
                self._client = None
                with contextlib.suppress(aiomqtt.MqttError):  # an intentional leave says so; after a loss the will does
                    await client.publish(self._topic("NDEATH"), death, qos=0, timeout=2)

    async def _receiving(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if await self._receive(message):
                self._host_online.set()

    async def _begin(self, client: aiomqtt.Client) -> None:
        """Births once the host is there, then rows until the session ends."""
        if self._settings.acknowledge == "store":
            await self._host_online.wait()
        async with self._sending:
            self._client = client
            await self._births()
        self._window = Window(self._outbox, self._settings.backlog_rows_per_second, time.monotonic())
        self.online.set()
        log.info("uplink online", gateway=self._node, bd_seq=self._bd_seq)
        while True:
            now = time.monotonic()
            found = self._window.next(now)
            if found is None:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._window.wait(now))
                continue
            async with self._sending:
                await self._send_row(*found)

    async def _send_row(self, row: Kept, historical: bool) -> None:  # noqa: FBT001 (Window's pair)
        body = sparkplug.as_historical(row.body) if historical else row.body
        payload = sparkplug.data(body, sent_at=self._clock.now_ms(), seq=self._next_seq(), store_seq=row.seq)
        topic = self._topic("NDATA") if row.device == self._node else self._topic("DDATA", row.device)
        await self._publish(topic, payload)
        if self._settings.acknowledge == "none":
            await self._stored(((row.seq, row.seq),))

    async def _stored(self, spans: tuple[tuple[int, int], ...]) -> None:
        await asyncio.to_thread(self._outbox.acknowledge, spans)
        if self._window is not None:
            self._window.acknowledged(spans)
        self._wake.set()

    def _next_seq(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % 256
        return seq

    async def _publish(self, topic: str, payload: bytes) -> None:
        if self._client is None:
            raise aiomqtt.MqttError("the session ended")
        await self._client.publish(topic, payload, qos=0)

    async def _births(self) -> None:
        """The complete birth sequence: NBIRTH with seq 0, then every living device (tck-id-payloads-dbirth-order)."""
        self._seq = 0
        metrics = certificates.node(self._bd_seq, self._outbox.uuid, self._outbox.last_seq(), self._latest.get(self._node))
        await self._publish(self._topic("NBIRTH"), sparkplug.birth(metrics, at=self._clock.now_ms(), seq=self._next_seq()))
        for device in self._devices:
            if device not in self._dead:
                await self._device_birth(device)

    async def _device_birth(self, device: str) -> None:
        metrics = certificates.device(self._devices[device], self._latest.get(device))
        await self._publish(self._topic("DBIRTH", device), sparkplug.birth(metrics, at=self._clock.now_ms(), seq=self._next_seq()))

    async def _device_death(self, device: str) -> None:
        await self._publish(self._topic("DDEATH", device), sparkplug.device_death(at=self._clock.now_ms(), seq=self._next_seq()))

    async def _receive(self, message: aiomqtt.Message) -> bool:
        """Handle one message; True when the host is known to be online."""
        raw = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        if str(message.topic) == topics.state(self._settings.host_id):
            return self._state(raw)
        topic = topics.parse(str(message.topic))
        try:
            payload = sparkplug.decode(raw)
        except sparkplug.PayloadError as error:
            log.warning("command dropped", gateway=self._node, reason=str(error))
            return False
        if topic is not None and topic.kind == "NCMD":
            await self._node_command(payload)
        elif topic is not None and topic.kind == "DCMD":
            await self._on_command(topic.device, sparkplug.values(payload))
        return False

    def _state(self, raw: bytes) -> bool:
        """STATE of the primary host: older news than the last seen is ignored (…-primary-host-…-timestamp)."""
        try:
            news = json.loads(raw)
            online, at = bool(news["online"]), int(news["timestamp"])
        except (ValueError, KeyError, TypeError) as error:
            log.warning("STATE dropped", gateway=self._node, reason=repr(error))
            return False
        if at < self._host_seen:
            return False
        self._host_seen = at
        if not online and self._client is not None and self._settings.acknowledge == "store":
            raise _HostOffline
        return online

    async def _node_command(self, payload: Payload) -> None:
        for name, value in sparkplug.values(payload).items():
            try:
                if name == sparkplug.REBIRTH and value:
                    async with self._sending:
                        await self._births()
                elif name == sparkplug.STORE_ACK:
                    ack = parse_ack(str(value))
                    if ack.outbox == self._outbox.uuid:
                        await self._stored(ack.stored)
                elif name == sparkplug.STORE_RESEND:
                    self._recall(parse_resend(str(value)))
            except ValueError as error:
                log.warning("command dropped", gateway=self._node, metric=name, reason=str(error))

    def _recall(self, span: tuple[int, int]) -> None:
        log.info("rows recalled", gateway=self._node, rows=recall(self._outbox, *span))
        self.recalled()

    def recalled(self) -> None:
        """Rows on disk became pending behind our back: look through the backlog anew."""
        if self._window is not None:
            self._window.recalled()
        self._wake.set()
