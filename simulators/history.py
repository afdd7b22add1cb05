"""The past, told through the real path: the counters of all meters, hour by hour, for last year and this one.

Before a gateway's edge starts, a predecessor speaks for it: with the gateway's broker user and an outbox of its own, through
the same codec and the same acknowledgements. Running it again changes nothing, since the store upserts on (series, time).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import aiomqtt

from contract import sparkplug, topics
from contract.clock import Clock
from contract.meter import Meter
from contract.reading import Row
from contract.secret import named_secret
from contract.site import Device, Site
from contract.sparkplug import DataType, MetricDefinition
from contract.store import MAX_BYTES_IN_FLIGHT, MAX_ROWS_IN_FLIGHT, RESEND_AFTER, parse_ack, resend_wait
from contract.topics import Topic
from protocols.mqtt_client import PATIENT, MqttClient
from simulators.world.site_world import SiteWorld

HOUR = 3_600_000
POLLS_PER_ROW = 336
"""Two weeks of hours: a packed row."""
SHANGHAI = timezone(timedelta(hours=8))


class HistoryError(RuntimeError):
    """The past could not be delivered."""


@dataclass(frozen=True, slots=True)
class Access:
    """The broker, where each user's password lies, and the host application that is waited for."""

    host: str
    port: int
    passwords: Path
    host_id: str = "jieyue"


def span(now: int) -> tuple[int, int]:
    """From 1 January of last year in Shanghai to the last full hour, ms; both ends are sampled."""
    year = datetime.fromtimestamp(now / 1000, SHANGHAI).year
    start = datetime(year - 1, 1, 1, tzinfo=SHANGHAI)
    return int(start.timestamp() * 1000), now // HOUR * HOUR


def meters_of(site: Site, gateway: str) -> list[tuple[Device, Meter]]:
    """The metered devices that a gateway speaks for."""
    return [
        (site.device_by_id[m.device], m)
        for m in site.meters
        if m.device and m.point and site.bus_by_id[site.device_by_id[m.device].bus].gateway == gateway
    ]


def packed(world: SiteWorld, device: Device, meter: Meter, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(readings, body) of each packed row of a meter's counter."""
    point = str(meter.point)
    hours = range(start, end + 1, HOUR)
    for first in range(0, len(hours), POLLS_PER_ROW):
        times = hours[first : first + POLLS_PER_ROW]
        counters = world.full_hours(device.id, meter.energy, point, times[0], len(times))
        rows = [Row(device.id, at, {point: value}) for at, value in zip(times, counters, strict=True)]
        yield len(rows), sparkplug.encode_rows(rows, historical=True)


@dataclass(slots=True)
class _Flying:
    topic: str
    body: bytes
    readings: int
    due: float = 0.0
    """Monotonic time (s) at which it is sent again."""
    tries: int = 0


class Predecessor:
    """One gateway's past: a Sparkplug session that sends packed rows until the cloud has stored them all."""

    def __init__(self, site: Site, gateway: str, access: Access, clock: Clock, stored: Callable[[int], None]) -> None:
        """`stored` is told how many readings each acknowledgement concerns."""
        self._site, self._node, self._access, self._clock, self._stored = site, gateway, access, clock, stored
        self._outbox = str(uuid.uuid4())
        self._flying: OrderedDict[int, _Flying] = OrderedDict()
        self._bytes = 0
        self._heard = 0.0
        """When the cloud acknowledged something, monotonic, s."""
        self._seq = 0
        self._store_seq = 0
        self._wake = asyncio.Event()
        self._host = asyncio.Event()

    async def run(self, rows: Iterator[tuple[str, int, bytes]]) -> None:
        """Send (device, readings, body) rows and return when all are acknowledged.

        Raises:
            HistoryError: The broker was lost.
        """
        password = named_secret(self._access.passwords / self._node)
        death = sparkplug.node_death(0, at=self._clock.now_ms())
        try:
            async with MqttClient(
                self._access.host,
                self._access.port,
                user=self._node,
                password=password,
                client_id=f"{self._site.group}-{self._node}",
                keep_alive=PATIENT,
                will=aiomqtt.Will(self._topic("NDEATH"), death, qos=1),
            ) as client:
                await client.subscribe([(self._topic("NCMD"), 1), (topics.state(self._access.host_id), 1)])
                receiving = asyncio.create_task(self._receive(client), name="history-receive")
                try:
                    await self._host.wait()
                    await self._births(client)
                    await self._send_all(client, rows)
                finally:
                    receiving.cancel()
                    await asyncio.gather(receiving, return_exceptions=True)
                await client.publish(self._topic("NDEATH"), death, qos=0)
        except aiomqtt.MqttError as error:
            raise HistoryError(f"{self._node}: the broker was lost: {error}") from error

    def _topic(self, kind: str, device: str = "") -> str:
        return str(Topic(self._site.group, kind, self._node, device))

    def _next(self) -> int:
        seq, self._seq = self._seq, (self._seq + 1) % 256
        return seq

    async def _births(self, client: aiomqtt.Client) -> None:
        now = self._clock.now_ms()
        node = [
            MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 0),
            MetricDefinition(sparkplug.REBIRTH, DataType.BOOLEAN, value=False),
            MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, self._outbox),
            MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64, 0),
            MetricDefinition(sparkplug.STORE_ACK, DataType.STRING),
            MetricDefinition(sparkplug.STORE_RESEND, DataType.STRING),
        ]
        self._seq = 0
        await client.publish(self._topic("NBIRTH"), sparkplug.birth(node, at=now, seq=self._next()))
        for device, meter in meters_of(self._site, self._node):
            metrics = [MetricDefinition(str(meter.point), DataType.DOUBLE), MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64)]
            await client.publish(self._topic("DBIRTH", device.id), sparkplug.birth(metrics, at=now, seq=self._next()))

    async def _send_all(self, client: aiomqtt.Client, rows: Iterator[tuple[str, int, bytes]]) -> None:
        for device, readings, body in rows:
            while len(self._flying) >= MAX_ROWS_IN_FLIGHT or self._bytes + len(body) > MAX_BYTES_IN_FLIGHT:
                await self._progress(client)
            self._store_seq += 1
            self._flying[self._store_seq] = _Flying(self._topic("DDATA", device), body, readings)
            self._bytes += len(body)
            await self._publish(client, self._store_seq)
        while self._flying:
            await self._progress(client)

    async def _publish(self, client: aiomqtt.Client, number: int) -> None:
        row = self._flying[number]
        row.tries += 1
        row.due = time.monotonic() + resend_wait(row.tries)
        payload = sparkplug.data(row.body, sent_at=self._clock.now_ms(), seq=self._next(), store_seq=number)
        await client.publish(row.topic, payload)

    async def _progress(self, client: aiomqtt.Client) -> None:
        """Wait for an acknowledgement; send again what waited too long for one, unless others come: then the cloud is slow, not deaf."""
        self._wake.clear()
        try:
            async with asyncio.timeout(1.0):
                await self._wake.wait()
        except TimeoutError:
            now = time.monotonic()
            deaf = now - self._heard >= RESEND_AFTER
            for number in [n for n, row in self._flying.items() if deaf and row.due <= now]:
                if number in self._flying:  # it may have been acknowledged while the one before was sent
                    await self._publish(client, number)

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            raw = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
            if str(message.topic) == topics.state(self._access.host_id):
                if b'"online": true' in raw or b'"online":true' in raw:
                    self._host.set()
                continue
            values = sparkplug.values(sparkplug.decode(raw))
            if values.get(sparkplug.REBIRTH):
                await self._births(client)
            if isinstance(text := values.get(sparkplug.STORE_ACK), str):
                self._acknowledged(text)

    def _acknowledged(self, text: str) -> None:
        ack = parse_ack(text)
        if ack.outbox != self._outbox:
            return
        for number in [n for n in self._flying if any(a <= n <= b for a, b in ack.stored)]:
            row = self._flying.pop(number)
            self._bytes -= len(row.body)
            self._stored(row.readings)
        self._heard = time.monotonic()
        self._wake.set()


async def send(site: Site, world: SiteWorld, access: Access, clock: Clock, stored: Callable[[int], None]) -> None:
    """Send the past of every gateway that has meters, all gateways side by side.

    Raises:
        HistoryError: The broker was lost; send again.
    """
    start, end = span(clock.now_ms())

    def rows(gateway: str) -> Iterator[tuple[str, int, bytes]]:
        for device, meter in meters_of(site, gateway):
            for readings, body in packed(world, device, meter, start, end):
                yield device.id, readings, body

    speakers = [g.id for g in site.gateways if meters_of(site, g.id)]
    await asyncio.gather(*(Predecessor(site, g, access, clock, stored).run(rows(g)) for g in speakers))


def expected(site: Site, now: int) -> int:
    """How many readings the past has, for the progress bar."""
    start, end = span(now)
    return sum(len(meters_of(site, g.id)) for g in site.gateways) * len(range(start, end + 1, HOUR))


def write_fuel(site: Site, world: SiteWorld, now: int, path: Path) -> None:
    """The fuel that clerks enter for the cars, a line a meter and full month (meter, month, litres), since last year."""
    cars = [d for d in site.devices if d.vehicle]
    homes = {u.id: u.compound for u in site.units}
    start, _ = span(now)
    lines = ["meter,month,amount"]
    first = datetime.fromtimestamp(start / 1000, SHANGHAI)
    while (following := (first + timedelta(days=32)).replace(day=1)).timestamp() * 1000 <= now:
        begin, end = int(first.timestamp() * 1000), int(following.timestamp() * 1000)
        for meter in site.meters:
            if not meter.vehicle_fuel:
                continue
            mine = [d for d in cars if d.vehicle and d.vehicle.fuel == meter.energy and homes[d.vehicle.unit] == meter.compound]
            litres = sum(world.vehicles[d.id].burnt(begin, end) for d in mine)
            lines.append(f"{meter.id},{first:%Y-%m},{litres:.2f}")
        first = following
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
