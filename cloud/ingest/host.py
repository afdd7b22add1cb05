"""The Sparkplug host application: one session with the broker after the other (Sparkplug 3.0, section 5.3 and chapter 6)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import aiomqtt
import sqlalchemy as sa
import structlog

from cloud.health import Health, first_line
from cloud.ingest.awaited import Awaited
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commands import Order, addressed, due, mark, watched
from cloud.ingest.commit import store
from cloud.ingest.decode import decode, overdue
from cloud.ingest.intake import LISTEN_EVERY, Intake
from cloud.ingest.lives import quiet
from cloud.ingest.node_cache import Known
from cloud.ingest.own import LEAP, OwnClock
from cloud.ingest.sharing import Sharing
from cloud.ingest.state import OwnState, Superseded, state
from cloud.ingest.subscriptions import subscribe
from cloud.ingest.taken_back import BringForward, leapt_at
from cloud.platform import database
from cloud.settings import Settings
from cloud.telemetry.base import Telemetry
from cloud.texts import CodedError
from contract import coded, sparkplug, topics
from contract.lifecycle import heed_cancellation
from contract.sparkplug import DataType, MetricDefinition
from contract.topics import Topic
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()
ORDER_EVERY = 0.2
REBIRTH_EVERY = 10.0
LOOK_EVERY = 0.2
"""Seconds between two looks at messages that are held."""
SHARING_EVERY = 1.0
"""Seconds between two looks at what workers do."""


class Host(Intake):
    """Receives, stores, acknowledges; sends commands; takes what workers leave to it."""

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        telemetry: Telemetry,
        clock: OwnClock,
        stored: Callable[[Batch], None],
        bring_forward: BringForward,
        health: Health | None = None,
    ) -> None:
        """See `Intake`; `bring_forward` is for those who wait for a moment, where the time that the cloud believes moves back."""
        super().__init__(settings, engine, telemetry, clock, stored, health)
        self.clock.own.leapt = leapt_at(engine, LEAP)
        self._bring_forward = bring_forward
        self._known = Known(engine, self.clock.own)
        self._sharing = Sharing(engine)
        self._state_at = 0
        self._listened_at = 0.0
        self._reborn: dict[tuple[str, str], float] = {}

    @property
    def _client_id(self) -> str:
        return f"host-{self._settings.host_id}"

    def _forget(self) -> None:
        self._known = Known(self._engine, self.clock.own)

    def _pause(self) -> float:
        return LOOK_EVERY if self._known.waiting else LISTEN_EVERY

    @property
    def awaited(self) -> Awaited:
        """Commands whose effect is waited for."""
        return self._known.awaited

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sessions(), name="host-session")
            tasks.create_task(self._batches(), name="host-batches")
            tasks.create_task(self._orders(), name="host-orders")
            if self._engine.dialect.name == "postgresql":  # on SQLite one process stores
                tasks.create_task(self._shared(), name="host-sharing")

    async def _session(self) -> None:
        try:
            await self._as_host()
        except Superseded as error:
            self._state_at = error.at
            log.warning("own STATE is dated later than this session; beginning a new one", at=error.at)

    async def _as_host(self) -> None:
        """One session: will, subscriptions, and only then the birth, with the will's time (tck-id-host-topic-phid-birth-*)."""
        s, topic = self._settings, topics.state(self._settings.host_id)
        born_at = max(self.clock.now_ms(), self._state_at)  # edge nodes ignore what is older than they have seen
        async with MqttClient(
            s.mqtt_host,
            s.mqtt_port,
            user=s.mqtt_user,
            password=s.mqtt_password(),
            client_id=self._client_id,
            tls=s.mqtt_tls(),
            will=aiomqtt.Will(topic, state(online=False, at=born_at), qos=1, retain=True),
        ) as client:
            self._queue.begin(Message("", b"", self.clock.unjudged_ms()))
            self._wake.set()
            await subscribe(client, topic)
            await client.publish(topic, state(online=True, at=born_at), qos=1, retain=True)
            heed_cancellation()
            self._client = client
            self.online.set()
            log.info("host online", host=s.host_id)
            own = OwnState(topic, born_at)
            try:
                async for message in client.messages:
                    await self._take(client, message, own)
            finally:
                self._client = None
                goodbye = state(online=False, at=max(self.clock.now_ms(), born_at))
                with contextlib.suppress(aiomqtt.MqttError):  # a clean stop says so; after a loss the will does
                    await client.publish(topic, goodbye, qos=1, retain=True, timeout=2)

    async def _take(self, client: aiomqtt.Client, message: aiomqtt.Message, own: OwnState) -> None:
        """Let a message wait in the queue that has a bound and fair shares.

        Nothing is awaited here but the answer to a STATE of our own, so no more gathers in aiomqtt's queue before it than a few reads of
        the socket bring. That one has no bound: it would drop by number, whoever floods, and what a foreign node said nobody sends again.
        """
        topic = str(message.topic)
        raw = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        if topics.from_host(topic):
            if topic == topics.state(self._settings.host_id):
                await own.heard(client, raw)
                heed_cancellation()
        else:
            self._put(topic, raw)

    def _decode(self, messages: list[Message]) -> Batch:
        batch = decode(self._sharing.mine(messages, self._known), self._known)
        s = self._settings
        now, answer = self.clock.now_ms(), int(s.answer * 1000)
        overdue(batch, self._known, now, int(s.reorder * 1000), answer)
        if self._client is not None and not self._queue and time.monotonic() - self._listened_at >= LISTEN_EVERY:
            self._listened_at = time.monotonic()
            quiet(batch, self._known, self.clock.now_ms(), int(s.silence * 1000), answer)
        return batch

    def _store(self, _messages: list[Message], batch: Batch) -> Batch:
        store(batch, self._engine, self._telemetry, self._bring_forward)
        return batch

    async def _shared(self) -> None:
        """Look who else stores, and which nodes are left to the host."""
        while True:
            try:
                await asyncio.to_thread(self._sharing.look, self._known)
            except database.REFUSED as error:
                if self._news(f"sharing: {first_line(error)}"):
                    log.warning("who else stores is not known", reason=first_line(error))
            await asyncio.sleep(SHARING_EVERY)

    async def _answer(self, batch: Batch) -> None:
        """Acknowledgements, and births asked for where they are missing."""
        await super()._answer(batch)
        now = time.monotonic()
        for group, node in batch.rebirths | batch.doubted:
            if (group, node) in batch.doubted or now - self._reborn.get((group, node), -REBIRTH_EVERY) >= REBIRTH_EVERY:
                self._reborn[group, node] = now
                await self._send(Topic(group, "NCMD", node), [MetricDefinition(sparkplug.REBIRTH, DataType.BOOLEAN, value=True)])

    async def _orders(self) -> None:
        """Commands that the interface queued in SQL, whichever process it runs in."""
        while True:
            await asyncio.sleep(ORDER_EVERY)
            if self._client is None:
                continue
            try:
                for order in await asyncio.to_thread(due, self._engine, self.clock.now_ms()):
                    await self._order(order)
            except database.REFUSED as error:
                self._refused(error)

    async def _order(self, order: Order) -> None:
        """Send an order, once; who cannot answer it is watched until it shows what was ordered, or the order expires."""
        group, now = order.topic.group, self.clock.now_ms()
        node = self._known.nodes.get((group, order.topic.node))
        if order.unanswered and (node is None or not node.online):
            return  # nothing would tell that nobody heard it: it waits for the gateway, or expires
        try:
            metrics = addressed(order, node)
        except CodedError as error:
            await asyncio.to_thread(mark, self._engine, order.id, "failed", error.message)
            return
        awaited = watched(order, metrics, order.created_at if order.sent else now)
        if awaited is not None:
            self.awaited.add(group, order.device, awaited)
        if not order.sent:
            if await self._send(order.topic, metrics):
                await asyncio.to_thread(mark, self._engine, order.id, "done" if order.unanswered else "sent")
        elif awaited is not None and order.expires_at <= now:
            self.awaited.forget(group, order.device, order.id)
            await asyncio.to_thread(mark, self._engine, order.id, "failed", coded.Message("command.not_shown"))
