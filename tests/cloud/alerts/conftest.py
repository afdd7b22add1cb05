"""The first site, simulated, told to the real ingest and evaluated at stepped times; and receivers of messages."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from cloud.alerts.deciding import Change
from cloud.alerts.evaluate import Evaluator, Snapshot
from cloud.alerts.repository import moments, standing
from cloud.alerts.ruleset import Rule, load_rules
from cloud.indicators.figures import seed_factors
from cloud.ingest.batch import Message
from cloud.ingest.commit import store
from cloud.ingest.decode import decode
from cloud.ingest.node_cache import Known
from cloud.ledger import book
from cloud.ledger.periods import HOUR_MS
from cloud.sites.entering import By, enter_site
from cloud.telemetry.sqlite import SqliteTelemetry
from contract import sparkplug, topics
from contract.reading import Row
from contract.site import Device, Site
from contract.sparkplug import DataType, MetricDefinition
from simulators.faults import CATALOGUE, Faults
from simulators.faulty import FaultyWorld
from simulators.stack.broker import free_port
from simulators.world.site_world import SiteWorld
from tests.cloud import tables, unsynced

MINUTE = 60_000
LIMIT = 100_000
DELAY = 200
"""Ms from a measurement to its receipt."""


@dataclass
class House:
    """The site's world with its faults, the stores, and the rules, at a time that the test moves.

    `devices` are those that speak; by default all.
    """

    site: Site
    engine: sa.Engine
    telemetry: SqliteTelemetry
    quiet: SiteWorld
    """The world without faults."""
    rules: Mapping[str, Rule]
    now: int = 0
    devices: Sequence[Device] = ()
    faults: Faults = field(default_factory=Faults)
    silent: set[str] = field(default_factory=set)
    """Gateways whose link is down."""
    lost: dict[str, float] = field(default_factory=dict)
    """What gateways count as given up."""
    outbox: dict[str, float] = field(default_factory=dict)
    """What else gateways say of their outbox, by point."""

    def __post_init__(self) -> None:
        self.world = FaultyWorld(self.quiet, self.site, self.faults)
        self.devices = self.devices or self.site.devices
        self.undated: dict[str, float] = {}
        self.ahead = 0
        self._compared: Snapshot | None = None
        self.known = Known(self.engine)
        self.evaluator = Evaluator(self.engine, self.site, self.rules)
        self._seq = count(1)
        self._born: set[str] = set()

    def use(self, *ids: str) -> None:
        """Only these devices speak and are known."""
        self.devices = [self.site.device_by_id[name] for name in ids]
        with self.engine.begin() as connection:
            connection.execute(tables.device.delete().where(tables.device.c.id.not_in(ids)))
            connection.execute(tables.meter_unit.delete())
            connection.execute(tables.meter.delete().where(sa.or_(tables.meter.c.device.is_(None), tables.meter.c.device.not_in(ids))))
        gateways = {self.site.bus_by_id[device.bus].gateway for device in self.devices}
        self.site = self.site.model_copy(update={"gateways": [g for g in self.site.gateways if g.id in gateways]})
        self.evaluator.site, self.known = self.site, Known(self.engine)

    def publish(self) -> None:
        """Every device that speaks is read once, and ingest stores what its gateway sends."""
        messages = [message for gateway in self.site.gateways if gateway.id not in self.silent for message in self._of_gateway(gateway.id)]
        store(decode(messages, self.known), self.engine, self.telemetry, moments.bring_forward)

    def _of_gateway(self, gateway: str) -> Iterator[Message]:
        at = self.now - DELAY + self.ahead
        if gateway not in self._born:
            self._born.add(gateway)
            texts = [MetricDefinition("Store/Outbox", DataType.STRING, f"outbox-{gateway}"), MetricDefinition("bdSeq", DataType.INT64, 0)]
            yield self._message("NBIRTH", gateway, "", sparkplug.birth(texts, at=at, seq=0))
        if self.undated.get(gateway):
            yield self._waits(gateway, self.undated[gateway])
            return
        yield self._data(
            gateway,
            "",
            Row(
                gateway,
                at,
                {
                    "outbox_depth": 0.0,
                    "outbox_undated": 0.0,
                    "outbox_undatable": 0.0,
                    "outbox_lost": self.lost.get(gateway, 0.0),
                    "outbox_refuses": 0.0,
                    "outbox_set_aside": 0.0,
                }
                | self.outbox,
            ),
        )
        for device in self.devices:
            if self.site.bus_by_id[device.bus].gateway == gateway and self.faults.active(device.id, "silent", at) is None:
                measured = at + round(1000 * (self.faults.active(device.id, "clock", at) or 0.0))
                values = {point: value for point, value in self.world.values(device.id, at).items() if value is not None}
                own = device.model.device_class == "vehicle"
                yield self._data(gateway, device.id, Row(device.id, measured, values, taken=at if own else None))

    def _data(self, gateway: str, device: str, row: Row) -> Message:
        number = next(self._seq)
        payload = sparkplug.data(sparkplug.encode_rows([row]), sent_at=self.now - DELAY + self.ahead, seq=number % 256, store_seq=number)
        return self._message("DDATA" if device else "NDATA", gateway, device, payload)

    def _waits(self, gateway: str, rows: float) -> Message:
        """What a gateway says of itself that does not know the time: its machine runs for an hour."""
        said = [MetricDefinition("Store/Undated", DataType.UINT64, int(rows)), MetricDefinition("outbox_undated", DataType.DOUBLE, rows)]
        return self._message("NDATA", gateway, "", sparkplug.birth(said, at=3_600_000, seq=next(self._seq) % 256))

    def _message(self, kind: str, gateway: str, device: str, payload: bytes) -> Message:
        path = [topics.NAMESPACE, self.site.group, kind, gateway, *([device] if device else [])]
        return Message("/".join(path), payload, self.now)

    def run(self, until: int, every: int = MINUTE, publish: Callable[[], None] | None = None) -> list[Change]:
        """Read, settle and evaluate again and again; returns what fired and what was resolved."""
        found = []
        while self.now < until:
            self.now += every
            (publish or self.publish)()
            if self.now // HOUR_MS != (self.now - every) // HOUR_MS:
                self.settle()
            found += self.evaluator.round(self.now)
            self._compare()
        return found

    def _compare(self) -> None:
        """What the evaluator takes for kept is what the database has, after each round."""
        known = self.evaluator.known
        if known is None or known is self._compared:
            return
        with self.engine.connect() as connection:
            if standing.revision(connection, self.site.group) == known.revision:
                assert known.kept == standing.kept(connection, self.site.group)
                self._compared = known

    def settle(self) -> None:
        """Let the ledger count what was touched."""
        while book.settle(self.engine, self.telemetry, LIMIT) == LIMIT:
            pass

    def set(self, device: str, fault: str, value: float | None = None) -> None:
        """A fault begins now."""
        self.faults.set(device, fault, CATALOGUE[fault].default if value is None else value, self.now)

    def clear(self, device: str, fault: str) -> None:
        """It ends now."""
        assert self.faults.clear(device, fault, self.now) == [fault]

    def alerts(self) -> list[sa.Row[tuple[object, ...]]]:
        """All alerts, in the order in which they fired."""
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(tables.alert).order_by(tables.alert.c.fired_at, tables.alert.c.subject)))


@pytest.fixture(scope="session")
def shipped_rules() -> dict[str, Rule]:
    """All rules that are shipped, read once."""
    return load_rules()


@pytest.fixture(scope="session")
def _worlds() -> list[SiteWorld]:
    """Worlds of the first site in which nothing was written: what lifts and cars did for years is added up once, not for each test."""
    return []


@pytest.fixture
def quiet_world(lizhou: Site, _worlds: list[SiteWorld]) -> Iterator[SiteWorld]:
    """The first site's world; one in which a test wrote is of no use to another."""
    world = _worlds.pop() if _worlds else SiteWorld(lizhou)
    yield world
    if not world.written._history:
        _worlds.append(world)


@pytest.fixture
def house(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    lizhou: Site,
    quiet_world: SiteWorld,
    shipped_rules: dict[str, Rule],
    entered: Callable[..., Path],
    open_registry: Callable[[str], sa.Engine],
) -> Iterator[House]:
    """The whole first site, on SQLite unless a test asks for `postgresql`; nothing has been read yet."""
    if getattr(request, "param", "sqlite") == "sqlite":
        engine = unsynced.registry(entered(tmp_path) / "registry.db")
    else:
        engine = open_registry("postgresql")
        enter_site(engine, lizhou, By("test", 0, date(2020, 1, 1)))
        seed_factors(engine)
    telemetry = unsynced.telemetry(tmp_path / "telemetry.db")
    yield House(lizhou, engine, telemetry, quiet_world, shipped_rules)
    telemetry.close()
    engine.dispose()


@dataclass
class Hook:
    """A webhook's receiver: (key, body) of each request, in order; it answers with `status`, once its gate is open."""

    port: int = 0
    status: int = 200
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        """Apprise's address, with a secret in its path."""
        return f"json://127.0.0.1:{self.port}/s3cret-path"

    def wait(self, number: int, seconds: float = 60.0) -> None:
        """Return when so many requests came."""
        with self.more:
            assert self.more.wait_for(lambda: len(self.got) >= number, seconds), self.got


@pytest.fixture
def webhook() -> Iterator[Hook]:
    """A receiver that is up."""
    received = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with received.more:
                received.got.append((self.headers["Idempotency-Key"], json.loads(body)))
                received.more.notify_all()
            received.gate.wait(30)
            with contextlib.suppress(ConnectionError):  # who asked was killed meanwhile
                self.send_response(received.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_what: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Mailbox:
    """A mail server: the messages that it accepted; it refuses while `refuses`, and recipients with the answers of `refused`."""

    port: int = 0
    refuses: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    got: list[Mail] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name and arguments)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient or refuse it."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        """Take a message or refuse it."""
        if self.refuses:
            return "451 try again later"
        assert isinstance(envelope.content, bytes)
        self.got.append(message_from_bytes(envelope.content))
        return "250 OK"

    @property
    def url(self) -> str:
        """Apprise's address."""
        return self.to("to=duty@example.cn")

    def to(self, recipients: str) -> str:
        """The same for others, such as `to=a@example.cn,b@example.cn&cc=c@example.cn`."""
        return f"mailto://127.0.0.1:{self.port}/?from=jieyue@example.cn&smtp=127.0.0.1&mode=insecure&{recipients}"


@pytest.fixture
def mails() -> Iterator[Mailbox]:
    """A mail server that is up."""
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()
