"""The Sparkplug host application: one session with the broker after the other (Sparkplug 3.0, section 5.3 and chapter 6)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

import aiomqtt
import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.health import Health, first_line
from cloud.ingest.awaited import Awaited
from cloud.ingest.batch import MAX_PAYLOAD_BYTES, Batch, Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode, overdue
from cloud.ingest.known import Known
from cloud.ingest.lives import quiet
from cloud.ingest.orders import Order, addressed, due, mark, watched
from cloud.ingest.own import LEAP, OwnClock
from cloud.ingest.queue import FairQueue
from cloud.ingest.state import OwnState, Superseded, state
from cloud.ingest.subscriptions import subscribe
from cloud.ingest.taken_back import BringForward, leapt_at
from cloud.ingest.trial import try_rows
from cloud.platform import database
from cloud.settings import Settings
from cloud.telemetry.base import StoreDown, Telemetry
from cloud.texts import CodedError
from contract import coded, compressed, sparkplug, topics
from contract.lifecycle import heed_cancellation
from contract.reaching import Takeovers, why
from contract.sparkplug import Born, DataType
from contract.store import Ack, ranges
from contract.topics import Topic
from contract.yamlfile import ConfigError
from protocols.mqtt_client import MqttClient

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()
MAX_QUEUE_BYTES = 64 * 1024 * 1024
"""What waits in memory; what must be dropped beyond it comes back, since it was not acknowledged."""
MAX_BATCH_BYTES = 4 * 1024 * 1024
GATHER = 0.05
"""Seconds in which messages gather to one batch."""
STORED = prometheus_client.Counter("jieyue_ingest_readings", "Readings stored.")
DROPPED = prometheus_client.Counter("jieyue_ingest_dropped", "Messages and readings left out.", ["reason"])
STEP_SECONDS = prometheus_client.Counter("jieyue_ingest_cpu_seconds", "CPU time of this process in each step of ingest.", ["step"])
ORDER_EVERY = 0.2
REBIRTH_EVERY = 10.0
LOG_EVERY = 60.0
LOOK_EVERY = 0.2
"""Seconds between two looks at messages that are held."""
LISTEN_EVERY = 1.0
"""Seconds between two looks at who says nothing; only while nothing waits that somebody said."""
_WAIT = 1.0
_AWAY = (StoreDown, *database.DOWN)
"""What says that a store takes nothing now."""
_WRONG = (StoreDown, *database.REFUSED)
"""The same where no message can be at fault."""


class Host:
    """Receives, stores, acknowledges; sends commands. One instance a process."""

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
        """Know what the stores know.

        Args:
            settings: Of the broker.
            engine: The relational database.
            telemetry: The time-series store.
            clock: What the service takes for the time.
            stored: Is told of each batch after its commit.
            bring_forward: For those who wait for a moment, where the time that the cloud believes moves back.
            health: Is told of what a store takes and does not take.
        """
        self._settings, self._engine, self._telemetry = settings, engine, telemetry
        self.clock = clock
        self.clock.own.leapt = leapt_at(engine, LEAP)
        self._stored, self._bring_forward, self._health = stored, bring_forward, health or Health(engine, telemetry, clock)
        self._known = Known(engine, self.clock.own)
        self._queue = FairQueue(MAX_QUEUE_BYTES)
        self._wake = asyncio.Event()
        self._client: aiomqtt.Client | None = None
        self._state_at = 0
        self._listened_at = 0.0
        self._reborn: dict[tuple[str, str], float] = {}
        self._takeovers = Takeovers(f"host-{settings.host_id}")
        self._logged: dict[str, float] = {}
        self.dropped: Counter[str] = Counter()
        self.online = asyncio.Event()

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

    async def _sessions(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, UnicodeError, ConfigError) as error:
                self._lost(error, time.monotonic() - began)
            except Superseded as error:
                self._state_at = error.at
                log.warning("own STATE is dated later than this session; beginning a new one", at=error.at)
            finally:
                self._client = None
                self.online.clear()
            heed_cancellation()
            await asyncio.sleep(_WAIT)
            await self._may_go_on()

    async def _may_go_on(self) -> None:
        """Return once the database can be asked: while it cannot, another process may be the host, whom a new session would throw off."""
        while True:
            try:
                await asyncio.to_thread(database.ask, self._engine)
            except database.DOWN as error:
                self._refused(error)
            else:
                return
            await asyncio.sleep(_WAIT)

    def _lost(self, error: Exception, seconds: float) -> None:
        """Say why a session ended or never began; the same reason once a minute."""
        s, taken = self._settings, self.online.is_set()
        reason = why(error, s.mqtt_host, s.mqtt_port, tls=s.mqtt_ca_file is not None, taken=taken)
        reason += self._takeovers.ended(seconds, accepted=taken)
        if self._news(reason):
            log.warning("broker lost", reason=reason)

    async def _session(self) -> None:
        """One session: will, subscriptions, and only then the birth, with the will's time (tck-id-host-topic-phid-birth-*)."""
        s, topic = self._settings, topics.state(self._settings.host_id)
        born_at = max(self.clock.now_ms(), self._state_at)  # edge nodes ignore what is older than they have seen
        async with MqttClient(
            s.mqtt_host,
            s.mqtt_port,
            user=s.mqtt_user,
            password=s.mqtt_password(),
            client_id=f"host-{s.host_id}",
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
        elif len(raw) > MAX_PAYLOAD_BYTES:
            self._drop("too large")
        else:
            if dropped := self._queue.put(Message(topic, raw, self.clock.unjudged_ms(), packed=compressed.marked(raw))):
                self._drop("queue full", dropped)
            self._wake.set()

    async def _batches(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY if self._known.waiting else LISTEN_EVERY):
                    await self._wake.wait()
            if self._queue.size < MAX_BATCH_BYTES:
                await asyncio.sleep(GATHER)
            self._wake.clear()
            await self._settle(self._queue.take(MAX_BATCH_BYTES))
            while self._queue:
                await self._settle(self._queue.take(MAX_BATCH_BYTES))

    async def _settle(self, messages: list[Message]) -> None:
        """Store messages; should one of them break the program, halves are tried until it stands alone, and it is left out.

        So is one that the database refuses; but while it refuses whatever it is given, no message is at fault, and all wait.
        """
        error = await self._try(messages)
        if isinstance(error, sa.exc.DBAPIError):
            await self._patiently(_WRONG, try_rows, self._engine)
            error = await self._try(messages)  # it may have been mended meanwhile
        if error is not None and len(messages) > 1:
            middle = len(messages) // 2
            await self._settle(messages[:middle])
            await self._settle(messages[middle:])
        elif error is not None:
            self._drop("broke ingest", len(messages))
        self._health.stored()

    async def _try(self, messages: list[Message]) -> Exception | None:
        """Store messages; what went wrong, if something did that waiting does not mend."""
        before = replace(self.clock.own)
        try:
            await self._batch(messages)
        except Exception as error:  # the body of the task's outermost loop: what no check foresaw costs its own message only
            if not isinstance(error, sa.exc.DBAPIError) or self._news(f"a batch failed: {first_line(error)}"):
                log.exception("a batch failed", messages=len(messages), topic=messages[0].topic if messages else "")
            self.clock.own.forget(before)
            self._known = await self._patiently(_WRONG, Known, self._engine, self.clock.own)  # what the batch taught was not committed
            return error
        return None

    async def _batch(self, messages: list[Message]) -> None:
        batch = await asyncio.to_thread(_measured, "decode", self._decode, messages)
        if not messages and batch == Batch():
            return
        await self._patiently(_AWAY, _measured, "store", store, batch, self._engine, self._telemetry, self._bring_forward)
        if batch.asks_the_database():
            self._health.stored(self._health.database, *([self._health.telemetry] if batch.lines else []))
        STORED.inc(batch.readings())
        for reason, number in batch.dropped.items():
            self._drop(reason, number)
        self._stored(batch)
        await self._answer(batch)

    def _decode(self, messages: list[Message]) -> Batch:
        batch = decode(messages, self._known)
        s = self._settings
        now, answer = self.clock.now_ms(), int(s.answer * 1000)
        overdue(batch, self._known, now, int(s.reorder * 1000), answer)
        if self._client is not None and not self._queue and time.monotonic() - self._listened_at >= LISTEN_EVERY:
            self._listened_at = time.monotonic()
            quiet(batch, self._known, self.clock.now_ms(), int(s.silence * 1000), answer)
        return batch

    async def _patiently(self, away: tuple[type[Exception], ...], work: Callable[P, R], *arguments: P.args, **more: P.kwargs) -> R:
        """Do it in a thread, again and again while it fails with one of these errors, since a store is away."""
        self._health.storing()
        while True:
            try:
                return await asyncio.to_thread(work, *arguments, **more)
            except away as error:
                self._refused(error)
            await asyncio.sleep(_WAIT)

    def _refused(self, error: Exception) -> None:
        """A store is down; the same reason is logged once a minute."""
        self._health.refused(error)
        if self._news(reason := first_line(error)):
            log.warning("store down", reason=reason)

    async def _answer(self, batch: Batch) -> None:
        """Acknowledgements, and births asked for where they are missing."""
        now = time.monotonic()
        for (group, node, outbox), positions in batch.acks.items():
            ack = Ack(outbox, ranges(positions)).text()
            await self._send(Topic(group, "NCMD", node), [Born(sparkplug.STORE_ACK, DataType.STRING, ack)])
        for group, node in batch.rebirths | batch.doubted:
            if (group, node) in batch.doubted or now - self._reborn.get((group, node), -REBIRTH_EVERY) >= REBIRTH_EVERY:
                self._reborn[group, node] = now
                await self._send(Topic(group, "NCMD", node), [Born(sparkplug.REBIRTH, DataType.BOOLEAN, value=True)])

    async def _send(self, topic: Topic, metrics: list[Born]) -> bool:
        if self._client is None:
            return False
        try:
            await self._client.publish(str(topic), sparkplug.command(metrics, at=self.clock.now_ms()), qos=0)
        except aiomqtt.MqttError:
            return False  # a lost acknowledgement is answered by a resend, a lost order stays queued
        heed_cancellation()
        return True

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

    def _drop(self, reason: str, number: int = 1) -> None:
        self.dropped[reason] += number
        DROPPED.labels(reason).inc(number)
        if self._news(reason):
            log.warning("dropped", reason=reason, count=self.dropped[reason])

    def _news(self, reason: str) -> bool:
        """Whether a reason was not logged within the last minute."""
        now = time.monotonic()
        if now - self._logged.get(reason, -LOG_EVERY) < LOG_EVERY:
            return False
        self._logged[reason] = now
        return True


def _measured(step: str, work: Callable[P, R], *arguments: P.args, **more: P.kwargs) -> R:
    """Do a step in the thread that it has to itself, and count its CPU time."""
    began = time.thread_time()
    try:
        return work(*arguments, **more)
    finally:
        STEP_SECONDS.labels(step).inc(time.thread_time() - began)
