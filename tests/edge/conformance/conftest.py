"""A real gateway between a simulated Modbus bus and a real mosquitto, a foreign host, and a proxy that sees every packet."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import aiomqtt
import pytest

from contract import sparkplug, topics
from contract.clock import Clock
from contract.operation import Text
from contract.site import Gateway as GatewayId
from contract.site import Site
from contract.sparkplug import MetricDefinition
from contract.sparkplug_b_pb2 import Payload
from contract.store import Ack, ranges
from contract.topics import Topic
from edge import health, uplink
from edge.app import Gateway
from edge.settings import Broker, BusAddress, Settings
from protocols.modbus.device.server import Answer, serve_bus
from protocols.modbus.model import Bus, Device
from simulators.stack.broker import free_port
from tests.models import each, one
from tests.waiting import until

GROUP, NODE, HOST = "510802", "gw-1", "scada"
_PATIENCE = 30.0
_NAME = Text(zh="设备", en="Device")


def device(name: str, profile: str, bus: str) -> Device:
    return Device(id=name, name=_NAME, profile=profile, bus=bus, unit_id=1, interval=0.2)


METER, AIR = device("em-1", "electricity/chint-dtsu666", "power"), device("ac-1", "hvac/beca-bac-002aln", "air")
SITE = Site(
    id="s", name=_NAME, group=GROUP, latitude=32.4, longitude=105.8, compounds=[], units=[], gateways=[GatewayId(id=NODE)],
    buses=[Bus(id=name, gateway=NODE, protocol="modbus", port=0) for name in ("power", "air")], devices=[METER, AIR],
)  # fmt: skip


@dataclass(frozen=True)
class Packet:
    """One MQTT packet; `link` numbers the connections of the gateway."""

    link: int
    kind: str
    topic: str = ""
    qos: int = 0
    retain: bool = False
    payload: bytes = b""
    filters: tuple[tuple[str, int], ...] = ()
    level: int = 0
    clean: bool = False
    will: Packet | None = None

    @property
    def what(self) -> str:
        """NBIRTH, DDATA and so on of a publication; the packet's own kind of all others."""
        return self.topic.split("/")[2] if self.kind == "PUBLISH" else self.kind

    @property
    def device(self) -> str:
        """Device id of the topic, empty for the gateway."""
        return "/".join(self.topic.split("/")[4:])

    @cached_property
    def data(self) -> Payload:
        """The Sparkplug payload."""
        return sparkplug.decode(self.payload)

    @property
    def values(self) -> dict[str, sparkplug.MetricValue]:
        """Its metrics by name."""
        return sparkplug.values(self.data)


class Log:
    """What was seen, in order; a test waits for what it expects."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._more = asyncio.Event()

    def add(self, packet: Packet) -> None:
        """One more."""
        self.packets.append(packet)
        self._more.set()

    def of(self, *kinds: str, device: str | None = None, link: int | None = None) -> list[Packet]:
        """Those of some kinds, NBIRTH or CONNECT for example, of a device and of one connection."""
        return [p for p in self.packets if p.what in kinds and device in {None, p.device} and link in {None, p.link}]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something was seen."""
        async with asyncio.timeout(_PATIENCE):
            while not condition():
                self._more.clear()
                await self._more.wait()


class Proxy(Log):
    """Stands between gateway and broker and writes down what the gateway sends (MQTT 3.1.1, chapters 2 and 3)."""

    def __init__(self, broker_port: int) -> None:
        super().__init__()
        self.port = free_port()
        self._broker_port = broker_port
        self._links = 0
        self._open: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Let the gateway through until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._tasks)

    def cut(self) -> None:
        """Break the link as a pulled cable would: no DISCONNECT."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links += 1
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._open += [writer, broker_writer]
        ways = [self._up(reader, broker_writer, self._links - 1), self._down(broker_reader, writer)]
        tasks = [asyncio.create_task(self._until_broken(way)) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, broker_writer):
            end.close()
        await asyncio.wait(tasks)

    @staticmethod
    async def _until_broken(way: Coroutine[object, object, None]) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await way

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: int) -> None:
        while True:
            head = await reader.readexactly(1)
            length, shift = 0, 0
            while True:
                digit = await reader.readexactly(1)
                head += digit
                length |= (digit[0] & 0x7F) << shift
                shift += 7
                if digit[0] < 0x80:
                    break
            body = await reader.readexactly(length)
            packet = read_packet(head[0], body, link)
            if packet is not None:
                self.add(packet)
            writer.write(head + body)
            await writer.drain()

    @staticmethod
    async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def read_packet(first: int, body: bytes, link: int) -> Packet | None:
    """What a client sent, if it is one of the packets that Sparkplug speaks about."""
    kind, qos = first >> 4, first >> 1 & 3
    if kind == 1:
        return _connect(body, link)
    if kind == 3:
        topic, rest = _text(body)
        return Packet(link, "PUBLISH", topic.decode(), qos, bool(first & 1), rest[2 if qos else 0 :])
    if kind == 8:
        filters, rest = [], body[2:]
        while rest:
            topic, rest = _text(rest)
            filters.append((topic.decode(), rest[0]))
            rest = rest[1:]
        return Packet(link, "SUBSCRIBE", filters=tuple(filters))
    return Packet(link, "DISCONNECT") if kind == 14 else None


def _connect(body: bytes, link: int) -> Packet:
    _, rest = _text(body)  # the protocol's name
    level, flags = rest[0], rest[1]
    _, rest = _text(rest[4:])  # the client's id
    will = None
    if flags & 4:
        topic, rest = _text(rest)
        payload, rest = _text(rest)
        will = Packet(link, "PUBLISH", topic.decode(), flags >> 3 & 3, bool(flags & 0x20), payload)
    return Packet(link, "CONNECT", level=level, clean=bool(flags & 2), will=will)


def _text(raw: bytes) -> tuple[bytes, bytes]:
    end = 2 + int.from_bytes(raw[:2], "big")
    return raw[2:end], raw[end:]


class Host(Log):
    """A Sparkplug host of another maker: it knows the specification and nothing of ours."""

    def __init__(self, client: aiomqtt.Client) -> None:
        super().__init__()
        self.client = client

    async def listen(self) -> None:
        """Write down everything, until cancelled."""
        async for message in self.client.messages:
            raw = bytes(message.payload) if isinstance(message.payload, bytes) else b""
            self.add(Packet(0, "PUBLISH", str(message.topic), message.qos, message.retain, raw))

    async def state(self, at: int, *, online: bool, host: str = HOST) -> None:
        """Say that a host is online or not."""
        news = json.dumps({"online": online, "timestamp": at}).encode()
        await self.client.publish(topics.state(host), news, qos=1, retain=True)

    async def command(self, *metrics: MetricDefinition, device: str = "") -> None:
        """NCMD, or DCMD to a device."""
        await self.raw(device, sparkplug.command(metrics, at=Clock().now_ms()))

    async def raw(self, device: str, payload: bytes) -> None:
        """An NCMD or DCMD of any bytes."""
        topic = Topic(GROUP, "DCMD", NODE, device) if device else Topic(GROUP, "NCMD", NODE)
        await self.client.publish(str(topic), payload)

    async def rebirth(self) -> None:
        """Ask the gateway for its births."""
        await self.command(MetricDefinition(sparkplug.REBIRTH, sparkplug.DataType.BOOLEAN, value=True))


def _at_rest(device: Device) -> dict[str, float | None]:
    return {point: 26.0 if point == "setpoint" else 1.0 for point in device.model.points}


@dataclass
class World:
    """The registers behind the devices; a point that is None answers with an exception."""

    points: dict[str, dict[str, float | None]] = field(default_factory=lambda: {d.id: _at_rest(d) for d in each(Device, SITE.devices)})

    def values(self, device_id: str, at_ms: int) -> dict[str, float | None]:
        """As they are now."""
        assert at_ms > 0
        return self.points[device_id]

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """The device takes every value."""
        assert at_ms > 0
        self.points[device_id][point] = value


@dataclass
class Bench:
    """The gateway and all that stands around it."""

    folder: Path
    proxy: Proxy
    host: Host
    world: World
    ports: dict[str, int]
    site: Site = SITE
    clock: Clock = field(default_factory=Clock)
    gateway: Gateway | None = None
    _running: asyncio.Task[None] | None = None
    _buses: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)

    def make(self, **more: object) -> Gateway:
        """A gateway that does not run yet."""
        settings = Settings.model_validate(
            {
                "gateway": NODE, "site": "s", "data": self.folder / "edge", "host_id": HOST, "clock": "trusted",
                "broker": Broker(port=self.proxy.port), "buses": {name: BusAddress(port=port) for name, port in self.ports.items()},
                **more,
            }
        )  # fmt: skip
        self.gateway = Gateway(settings, self.site, self.clock)
        return self.gateway

    def start(self, **more: object) -> Gateway:
        """Switch the gateway on, with settings of the test's own."""
        gateway = self.gateway or self.make(**more)
        self._running = asyncio.create_task(gateway.run())
        return gateway

    async def stop(self) -> None:
        """Stop the gateway as an operator does."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running}, timeout=_PATIENCE)
            assert self._running.cancelled()
        if self.gateway is not None:
            self.gateway.outbox.close()
        self.gateway = self._running = None

    async def online(self, **more: object) -> Gateway:
        """Switch the gateway on with a host that is there, and wait for data of both devices."""
        await self.host.state(Clock().now_ms(), online=True)
        gateway = self.start(**more)
        await self.proxy.until(lambda: all(self.proxy.of("DDATA", device=d.id) for d in self.site.devices))
        return gateway

    until = staticmethod(until)
    """Waits for something that is not seen on the wire."""

    async def acknowledge(self, packets: Iterable[Packet], outbox: str = "") -> None:
        """What a host that knows Store/Ack says of stored data messages."""
        assert self.gateway is not None
        stored = ranges(int(p.values[sparkplug.STORE_SEQ] or 0) for p in packets)
        text = Ack(outbox or self.gateway.outbox.uuid, stored).text()
        await self.host.command(MetricDefinition(sparkplug.STORE_ACK, sparkplug.DataType.STRING, text))

    async def plug(self, bus: str) -> None:
        """Connect the devices of a bus."""
        stack = self._buses[bus] = contextlib.AsyncExitStack()
        at = one(Bus, SITE.bus_by_id[bus]).model_copy(update={"port": self.ports.get(bus, 0)})
        devices = [d for d in each(Device, SITE.devices) if d.bus == bus]
        answers: list[Answer] = []
        _, self.ports[bus] = await stack.enter_async_context(serve_bus(at, devices, self.world, Clock(), answers.append))

    async def unplug(self, bus: str) -> None:
        """Pull the cable of a bus."""
        await self._buses.pop(bus).aclose()

    async def close(self) -> None:
        """Leave nothing behind."""
        await self.stop()
        for bus in list(self._buses):
            await self.unplug(bus)


@pytest.fixture
async def bench(broker_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Everything but the running gateway; it reconnects soon and tells of itself often."""
    monkeypatch.setattr(uplink, "_FIRST_WAIT", 0.05)
    monkeypatch.setattr(uplink, "_LONGEST_WAIT", 0.2)
    monkeypatch.setattr(health, "INTERVAL", 0.5)
    proxy = Proxy(broker_port)
    async with proxy.listening(), aiomqtt.Client("127.0.0.1", broker_port) as client:
        made = Bench(tmp_path, proxy, Host(client), World(), {})
        for bus in SITE.buses:
            await made.plug(bus.id)
        await client.subscribe(f"{topics.NAMESPACE}/#", qos=1)
        hearing = asyncio.create_task(made.host.listen())
        yield made
        await made.close()
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
