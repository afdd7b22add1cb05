"""An ingest worker: any number of them share the data of devices that nodes with an outbox send (MQTT 5, section 4.8.2)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import aiomqtt
import sqlalchemy as sa
import structlog

from cloud.health import Health
from cloud.ingest.batch import Batch, Message
from cloud.ingest.commit import store_whole
from cloud.ingest.intake import AWAY, LOG_EVERY, Intake
from cloud.ingest.own import OwnClock
from cloud.ingest.plain import Plain
from cloud.ingest.sharing import LIMIT, WORKER
from cloud.ingest.subscriptions import share
from cloud.platform.database import heeded
from cloud.settings import Settings
from cloud.telemetry.base import Telemetry
from contract.lifecycle import heed_cancellation
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()
ASK_EVERY = 10.0
"""Seconds between two acknowledgements of which the broker is asked whether it takes them; after a refusal the next one is at once."""


class Worker(Intake):
    """Stores and acknowledges what it is given of the shared data; what needs more than that it leaves to the leader."""

    def __init__(
        self, settings: Settings, engine: sa.Engine, telemetry: Telemetry, clock: OwnClock, stored: Callable[[Batch], None], health: Health
    ) -> None:
        """Read the register; see `Intake`."""
        self._id = settings.mqtt_user or f"ingest-{uuid4().hex[:12]}"
        self._plain = Plain(engine)
        self._heard = -LIMIT
        self._counted_since = time.monotonic()
        self._allowed, self._asked = False, 0.0
        """Whether the broker took the acknowledgement of which it was asked last in this session, and when (s, monotonic) that was."""
        super().__init__(settings, heeded(engine), telemetry, clock, stored, health)

    @property
    def _client_id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        """Of the row by which it says that it stores."""
        return f"{WORKER} {self._id}"

    def stores(self) -> bool:
        """Whether messages came within the last seconds, the stores take them and the broker the acknowledgements.

        One that the broker gives nothing to is none, and neither is one of whose acknowledgements no gateway hears.
        """
        return self.online.is_set() and self._allowed and time.monotonic() - self._heard < LIMIT and self._health.down() is None

    async def run(self) -> None:
        """Store until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sessions(), name="worker-session")
            tasks.create_task(self._batches(), name="worker-batches")

    async def _session(self) -> None:
        """Take a share until a store takes nothing: meanwhile the broker gives all to others."""
        if not self._may_store():
            return
        s = self._settings
        async with MqttClient(
            s.mqtt_host,
            s.mqtt_port,
            user=s.mqtt_user,
            password=s.mqtt_password(),
            client_id=self._id,
            tls=s.mqtt_tls(),
            version=aiomqtt.ProtocolVersion.V5,
        ) as client:
            await share(client)
            heed_cancellation()
            self._allowed = False
            self._client = client
            self.online.set()
            log.info("worker online", worker=self._id)
            async for message in client.messages:
                self._heard = time.monotonic()
                raw = message.payload
                self._put(str(message.topic), bytes(raw) if isinstance(raw, bytes | bytearray) else b"")
                if not self._may_store():
                    log.warning("worker leaves its share to others", worker=self._id, what=self._health.down())
                    return

    def _may_store(self) -> bool:
        """Whether nothing is known to be wrong with the stores."""
        return self._health.down() in {None, "starting"}

    async def _batch(self, messages: list[Message]) -> None:
        await self._patiently(AWAY, self._plain.look, self._received_at())
        await super()._batch(messages)
        self._say_if_idle()

    def _received_at(self) -> int:
        """By the machine's clock: what the service believes of it only a leader can find out, and take back."""
        return self.clock.base.now_ms()

    def _say_if_idle(self) -> None:
        """Once a minute, if most of the data that was heard in it was left: a worker whose own clock is wrong does so."""
        now = time.monotonic()
        if now - self._counted_since < LOG_EVERY:
            return
        heard, left = self._plain.count()
        self._counted_since = now
        if left * 2 > heard:
            log.warning("worker leaves most to the leader", worker=self._id, heard=heard, left=left)

    async def _publish(self, client: MqttClient, topic: str, raw: bytes) -> bool:
        """Only of what goes at QoS 1 a broker says whether it was allowed (MQTT 5, section 3.4.2.1): so one goes so every few seconds."""
        if self._allowed and time.monotonic() - self._asked < ASK_EVERY:
            return await super()._publish(client, topic, raw)
        client.refusal, allowed = "", False
        try:
            await client.publish(topic, raw, qos=1)
            allowed = not client.refusal
        finally:
            self._allowed, self._asked = allowed, time.monotonic()
        if not allowed and self._news(client.refusal):
            log.warning("acknowledgements are refused", worker=self._id, topic=topic, reason=client.refusal)
        return allowed

    def _forget(self) -> None:
        self._plain.forget()

    def _decode(self, messages: list[Message]) -> Batch:
        return self._plain.decode(messages)

    def _store(self, messages: list[Message], batch: Batch) -> Batch:
        while refused := store_whole(batch, self._engine, self._telemetry):
            handed = batch.handed | self._plain.leave(refused)
            batch = self._plain.decode(messages)
            batch.handed |= handed
        return batch
