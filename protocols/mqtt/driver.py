"""Devices that publish JSON to a broker (MQTT 3.1.1), acknowledged once their readings are on disk."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time

import aiomqtt
import structlog

from contract.backoff import Backoff
from contract.lifecycle import heed_cancellation
from contract.logs import Seldom
from contract.reaching import Takeovers, why
from contract.reading import Row
from protocols.base import QUIET, BusContext, DriverError, NoAnswerError, NoLineError, RateLimiter
from protocols.mqtt.codec import payloads
from protocols.mqtt.codec.audience import Audience
from protocols.mqtt.codec.orders import order
from protocols.mqtt.model import Bus, Device
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()

_QOS = 1
_QOS_OF_COMMANDS = 0
"""A broker keeps what has a higher one for a device that is away, and would hand it over hours after the command failed."""
_MOST_TOGETHER = 100
"""Messages in one commit; below the 500 that our broker leaves unacknowledged."""
_SHORTEST_ANSWER = 0.5
"""Real seconds that a device has for its answer to a command, however fast the clock runs."""
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 30.0


class ManualAck:
    """Acknowledges messages when the caller says so, which aiomqtt offers no public way to do (its issue 345).

    aiomqtt wraps one paho client in `_client`; paho's own `manual_ack_set` and `ack` are public. The switch must be thrown
    before connecting: a persistent session delivers what it kept together with its CONNACK.
    """

    def __init__(self, client: aiomqtt.Client) -> None:
        self._paho = client._client  # noqa: SLF001 (see above)
        self._paho.manual_ack_set(on=True)

    def __call__(self, message: aiomqtt.Message) -> None:
        """Tell the broker that a message need not come again."""
        self._paho.ack(message.mid, message.qos)


class Awaited:
    """What a command waits for: that its device says a value."""

    def __init__(self, device: str, point: str, value: float) -> None:
        """Nothing is said yet."""
        self.device, self.point, self._value = device, point, value
        self.said: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.last: float | None = None
        """What the device said last, another value."""

    def hear(self, row: Row) -> None:
        """A message came and is committed; what is late may be from before the command."""
        found = row.values.get(self.point)
        if row.device != self.device or row.late or found is None:
            return
        self.last = found
        if math.isclose(found, self._value, abs_tol=1e-6) and not self.said.done():
            self.said.set_result(found)


class Driver:
    """One bus: one session at its broker, which keeps what comes while we are away.

    A message is acknowledged after the commit of its rows; one that cannot be read is acknowledged too, or it would come
    back for ever. Delivered twice, it is the same reading at the same time, which the store upserts.
    """

    def __init__(self, line: BusContext[Bus, Device]) -> None:
        self._line = line
        self._audience = Audience(line.devices)
        self._sparing = RateLimiter(line.count)
        self._client_id = f"{line.bus.gateway}-{line.bus.id}"
        self._takeovers, self._accepted = Takeovers(self._client_id), False
        self._seldom = Seldom(QUIET)
        self._client: MqttClient | None = None
        """While a session is up."""
        self._waiting: set[Awaited] = set()

    async def write(self, device: Device, point: str, value: float) -> float:
        """Publish the message that writes a point, and return what the device says of it afterwards.

        That is the first message that says the value; where none does within the profile's `timeout`, what the last one says: one may
        have been on its way already. Messages that the broker kept, and late ones, say nothing of now.

        Raises:
            DriverError: The profile does not say how, there is no session at the broker, or no message of the device says the point.
        """
        try:
            topic, payload = order(device, point, value)
        except ValueError as error:
            raise DriverError(str(error)) from error
        if self._client is None:
            raise NoLineError("no session at the broker")
        awaited = Awaited(device.id, point, value)
        self._waiting.add(awaited)
        try:
            return await self._told(self._client, topic, payload, awaited, device.model.timeout)
        finally:
            self._waiting.discard(awaited)

    async def _told(self, client: MqttClient, topic: str, payload: bytes, awaited: Awaited, seconds: float) -> float:
        try:
            async with asyncio.timeout(max(self._line.clock.real_seconds(seconds), _SHORTEST_ANSWER)):
                await client.publish(topic, payload, qos=_QOS_OF_COMMANDS)
                return await awaited.said
        except TimeoutError as error:
            if awaited.last is None:
                raise NoAnswerError(f"no message of the device said {awaited.point} within {seconds:g} s") from error
            return awaited.last
        except (aiomqtt.MqttError, OSError) as error:
            raise NoLineError(f"no session at the broker: {error}") from error

    async def run(self) -> None:
        """Hold sessions until cancelled; wait a little longer after each failure."""
        backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while True:
            started = time.monotonic()
            self._accepted = False
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, UnicodeError) as error:
                self._lost(error, time.monotonic() - started)
            except sqlite3.Error as error:
                # Nothing was acknowledged, so the next session brings it again.
                self._sparing("outbox", "refused the rows")
                if self._seldom.news("not committed"):
                    log.warning("not committed", bus=self._line.bus.id, reason=str(error))
            heed_cancellation()
            await asyncio.sleep(backoff.after(time.monotonic() - started))

    def _lost(self, error: Exception, seconds: float) -> None:
        """Say why a session ended or never began; the same reason once a minute."""
        self._sparing("broker", "no session")
        bus = self._line.bus
        reason = why(error, bus.host, bus.port, taken=self._accepted) + self._takeovers.ended(seconds, accepted=self._accepted)
        if self._seldom.news(reason):
            log.warning("bus lost", bus=bus.id, reason=reason)

    async def _session(self) -> None:
        bus = self._line.bus
        client = MqttClient(
            bus.host,
            bus.port,
            user=self._line.user,
            password=self._line.password,
            client_id=self._client_id,
            keeps_session=True,
        )
        acknowledge = ManualAck(client)
        async with client:
            self._accepted = True
            if self._audience.filters:
                await client.subscribe([(topic, _QOS) for topic in self._audience.filters])
            log.info("bus online", bus=bus.id, topics=len(self._audience.filters))
            self._client = client
            try:
                await self._hear(client, acknowledge)
            finally:
                self._client = None

    async def _hear(self, client: MqttClient, acknowledge: ManualAck) -> None:
        waiting: list[aiomqtt.Message] = []
        async for message in client.messages:
            waiting.append(message)
            if len(client.messages) and len(waiting) < _MOST_TOGETHER:
                continue
            await self._store(waiting)
            for each in waiting:
                acknowledge(each)
            waiting.clear()
            heed_cancellation()

    async def _store(self, messages: list[aiomqtt.Message]) -> None:
        said = [(message, self._rows(message)) for message in messages]
        rows = [row for _, found in said for row in found]
        if rows:
            await self._line.commit(rows)
        for awaited in self._waiting:
            for row in (row for message, found in said if not message.retain for row in found):
                awaited.hear(row)

    def _rows(self, message: aiomqtt.Message) -> list[Row]:
        topic = str(message.topic)
        listeners = self._audience.of(topic)
        if not listeners:
            # An older configuration subscribed to it, and the session remembers.
            self._sparing(topic, "unknown topic")
            return []
        raw = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        try:
            heard = payloads.heard(listeners, raw, self._line.clock.now_ms(), retained=bool(message.retain))
        except payloads.PayloadError as error:
            devices = [device.id for each in listeners for device in each.devices.values()]
            self._sparing(devices[0] if len(devices) == 1 else topic, "wrong payload")
            log.debug("payload dropped", topic=topic, reason=str(error))
            return []
        for who, what, detail in heard.faults:
            self._sparing(f"{topic}, {who}", what)
            log.debug("payload dropped", topic=topic, device=who, reason=f"{what} {detail}".strip())
        return heard.rows
