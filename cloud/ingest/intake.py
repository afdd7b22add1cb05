"""What who stores does with messages, whichever it hears: they gather to batches, which are stored, committed and acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

import aiomqtt
import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.health import Health, first_line
from cloud.ingest.batch import MAX_PAYLOAD_BYTES, Batch, Message
from cloud.ingest.own import OwnClock
from cloud.ingest.queue import FairQueue
from cloud.ingest.trial import try_rows
from cloud.platform import database
from cloud.settings import Settings
from cloud.telemetry.base import StoreDown, Telemetry
from contract import compressed, sparkplug
from contract.lifecycle import heed_cancellation
from contract.reaching import Takeovers, why
from contract.sparkplug import DataType, MetricDefinition
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
LOG_EVERY = 60.0
LISTEN_EVERY = 1.0
"""Seconds between two looks at who says nothing; only while nothing waits that somebody said."""
WAIT = 1.0
"""Seconds between two tries of what a store or the broker refuses."""
AWAY = (StoreDown, *database.DOWN)
"""What says that a store takes nothing now."""
_WRONG = (StoreDown, *database.REFUSED)
"""The same where no message can be at fault."""


class Intake(ABC):
    """Receives and stores; whoever is one says what it hears, what it makes of it, and how it is stored. One instance a process."""

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        telemetry: Telemetry,
        clock: OwnClock,
        stored: Callable[[Batch], None],
        health: Health | None,
    ) -> None:
        """Know what the stores know.

        Args:
            settings: Of the broker.
            engine: The relational database.
            telemetry: The time-series store.
            clock: What the service takes for the time.
            stored: Is told of each batch after its commit.
            health: Is told of what a store takes and does not take.
        """
        self._settings, self._engine, self._telemetry = settings, engine, telemetry
        self.clock, self._stored = clock, stored
        self._health = health or Health(engine, telemetry, clock)
        self._queue = FairQueue(MAX_QUEUE_BYTES)
        self._wake = asyncio.Event()
        self._client: MqttClient | None = None
        self._takeovers = Takeovers(self._client_id)
        self._logged: dict[str, float] = {}
        self.dropped: Counter[str] = Counter()
        self.online = asyncio.Event()

    @property
    @abstractmethod
    def _client_id(self) -> str:
        """By which the broker knows it."""

    @abstractmethod
    def _forget(self) -> None:
        """Go back to what is committed: what a batch taught was not."""

    def _pause(self) -> float:
        """Seconds after which something is to be done though nobody says anything."""
        return LISTEN_EVERY

    @abstractmethod
    def _decode(self, messages: list[Message]) -> Batch:
        """What messages ask of the stores."""

    @abstractmethod
    def _store(self, messages: list[Message], batch: Batch) -> Batch:
        """Store a batch that these messages made; returns what was stored of it."""

    @abstractmethod
    async def _session(self) -> None:
        """One session with the broker, until it ends."""

    async def _sessions(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, UnicodeError, ConfigError) as error:
                self._lost(error, time.monotonic() - began)
            finally:
                self._client = None
                self.online.clear()
            heed_cancellation()
            await asyncio.sleep(WAIT)
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
            await asyncio.sleep(WAIT)

    def _lost(self, error: Exception, seconds: float) -> None:
        """Say why a session ended or never began; the same reason once a minute."""
        s, taken = self._settings, self.online.is_set()
        reason = why(error, s.mqtt_host, s.mqtt_port, tls=s.mqtt_ca_file is not None, taken=taken)
        reason += self._takeovers.ended(seconds, accepted=taken)
        if self._news(reason):
            log.warning("broker lost", reason=reason)

    def _received_at(self) -> int:
        """What a message gets for its time of receipt, ms."""
        return self.clock.unjudged_ms()

    def _put(self, topic: str, raw: bytes) -> None:
        """Let a message wait in the queue that has a bound and fair shares."""
        if len(raw) > MAX_PAYLOAD_BYTES:
            self._drop("too large")
            return
        if dropped := self._queue.put(Message(topic, raw, self._received_at(), packed=compressed.marked(raw))):
            self._drop("queue full", dropped)
        self._wake.set()

    async def _batches(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
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
            await self._patiently(_WRONG, self._forget)
            return error
        return None

    async def _batch(self, messages: list[Message]) -> None:
        batch = await asyncio.to_thread(_measured, "decode", self._decode, messages)
        if batch == Batch():
            return
        batch = await self._patiently(AWAY, _measured, "store", self._store, messages, batch)
        if batch.asks_the_database():
            self._health.stored(self._health.database, *([self._health.telemetry] if batch.lines else []))
        STORED.inc(batch.readings())
        for reason, number in batch.dropped.items():
            self._drop(reason, number)
        self._stored(batch)
        await self._answer(batch)

    async def _patiently(self, away: tuple[type[Exception], ...], work: Callable[P, R], *arguments: P.args, **more: P.kwargs) -> R:
        """Do it in a thread, again and again while it fails with one of these errors, since a store is away."""
        self._health.storing()
        while True:
            try:
                return await asyncio.to_thread(work, *arguments, **more)
            except away as error:
                self._refused(error)
            await asyncio.sleep(WAIT)

    def _refused(self, error: Exception) -> None:
        """A store is down; the same reason is logged once a minute."""
        self._health.refused(error)
        if self._news(reason := first_line(error)):
            log.warning("store down", reason=reason)

    async def _answer(self, batch: Batch) -> None:
        """Acknowledgements."""
        for (group, node, outbox), positions in batch.acks.items():
            ack = Ack(outbox, ranges(positions)).text()
            await self._send(Topic(group, "NCMD", node), [MetricDefinition(sparkplug.STORE_ACK, DataType.STRING, ack)])

    async def _send(self, topic: Topic, metrics: list[MetricDefinition]) -> bool:
        if self._client is None:
            return False
        try:
            sent = await self._publish(self._client, str(topic), sparkplug.command(metrics, at=self.clock.now_ms()))
        except aiomqtt.MqttError:
            return False  # a lost acknowledgement is answered by a resend, a lost order stays queued
        heed_cancellation()
        return sent

    async def _publish(self, client: MqttClient, topic: str, raw: bytes) -> bool:
        """Say something to an edge node; whether that went."""
        await client.publish(topic, raw, qos=0)
        return True

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
