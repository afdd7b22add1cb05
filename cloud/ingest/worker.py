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
from cloud.ingest.intake import AWAY, Intake
from cloud.ingest.own import OwnClock
from cloud.ingest.plain import Plain
from cloud.ingest.sharing import LIMIT, WORKER
from cloud.ingest.subscriptions import share
from cloud.settings import Settings
from cloud.telemetry.base import Telemetry
from contract.lifecycle import heed_cancellation
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()


class Worker(Intake):
    """Stores and acknowledges what it is given of the shared data; what needs more than that it leaves to the leader."""

    def __init__(
        self, settings: Settings, engine: sa.Engine, telemetry: Telemetry, clock: OwnClock, stored: Callable[[Batch], None], health: Health
    ) -> None:
        """Read the register; see `Intake`."""
        self._id = settings.mqtt_user or f"ingest-{uuid4().hex[:12]}"
        self._plain = Plain(engine)
        self._heard = -LIMIT
        super().__init__(settings, engine, telemetry, clock, stored, health)

    @property
    def _client_id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        """Of the row by which it says that it stores."""
        return f"{WORKER} {self._id}"

    def stores(self) -> bool:
        """Whether messages came within the last seconds and the stores take them: one that the broker gives nothing to is none."""
        return self.online.is_set() and time.monotonic() - self._heard < LIMIT and self._health.down() is None

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
        await self._patiently(AWAY, self._plain.look, self.clock.unjudged_ms())
        await super()._batch(messages)

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
