"""From the outbox to the broker: one Sparkplug session after the other (Sparkplug 3.0, chapters 5 and 6)."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import aiomqtt
import structlog

from contract import sparkplug, topics
from contract.backoff import Backoff
from contract.clock import Clock
from contract.compressed import marked, unwrapped
from contract.lifecycle import heed_cancellation
from contract.logs import LOG_EVERY, Seldom
from contract.reaching import Takeovers, why
from contract.reading import Row
from contract.site import Device
from contract.sparkplug_b_pb2 import Payload
from contract.store import LATE_AFTER, parse_ack, parse_resend
from contract.yamlfile import ConfigError
from edge.host_state import PrimaryHost
from edge.outbox.marking import Marks, Spans
from edge.outbox.outbox import HangsError, Outbox
from edge.outbox.retention import recall
from edge.outbox.rows import Kept
from edge.send_window import PAGE, Window
from edge.session import Node, Session
from edge.settings import Settings
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_MOST_RECALLS = 100
"""Recalls that are under way or wait."""
_LARGEST_COMMAND = 1024 * 1024
"""Bytes of a command that came compressed; a gateway has little memory."""


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of what happens on the uplink.

    Attributes:
        command: Of a command for a device: its id, and the metrics.
        refused: That the outbox refused something, with the error; it is tried again.
    """

    command: Callable[[str, dict[str, sparkplug.MetricValue]], Awaitable[None]]
    refused: Callable[[sqlite3.Error], None]


class _HostOffline(Exception):  # noqa: N818 (not a fault: the host said goodbye)
    """The primary host went away; the session ends and the rows stay."""


class Uplink:
    """Keeps a session with the broker and sends every committed row until it is acknowledged."""

    def __init__(self, settings: Settings, group: str, devices: list[Device], outbox: Outbox, clock: Clock, told: Told) -> None:
        """`devices` are those the gateway speaks for."""
        self._settings, self._outbox, self._told = settings, outbox, told
        self._node = Node(group, settings.gateway, {d.id: d for d in devices}, outbox, clock)
        self._client_id = f"{group}-{settings.gateway}"
        self._takeovers, self._accepted = Takeovers(self._client_id), False
        self._host = PrimaryHost()
        self._window: Window | None = None
        self._session: Session | None = None
        self._wake = asyncio.Event()
        self._recalls: dict[tuple[int, int], asyncio.Task[None]] = {}
        """What is recalled or waits for that, by its span of time."""
        self._recalling = asyncio.Lock()
        self._marks = Marks(outbox, self._marked, told.refused)
        self._seldom = Seldom(LOG_EVERY)
        self.online = asyncio.Event()

    def committed(self, kept: list[Kept], since: float) -> None:
        """Rows are on disk and may go; the first of them was there to be committed at `since` (monotonic s)."""
        if self._window is not None:
            self._window.committed(kept, since)
        self._wake.set()

    def latest(self, row: Row) -> None:
        """Remember a row for the next birth."""
        self._node.latest[row.device] = row

    async def waits(self, health: Row) -> None:
        """Tell the cloud, if it can be reached, that rows wait for the clock."""
        if self._session is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # the session loop meets the same error and starts anew
                await self._session.waits(health)

    async def unkept(self, row: Row) -> None:
        """Show a row that the outbox refused to the cloud, if it can be reached; that it arrives is not promised."""
        if self._session is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # the session loop meets the same error and starts anew
                await self._session.unkept(row)

    async def device_alive(self, device: str, *, alive: bool) -> None:
        """A device's link was lost or came back: DDEATH or DBIRTH."""
        dead = self._node.dead
        if alive != (device in dead):
            return
        (dead.discard if alive else dead.add)(device)
        if self._session is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # the session loop meets the same error and starts anew
                await self._session.link(device, alive=alive)

    async def run(self) -> None:
        """Hold sessions, and mark what the cloud has, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._marks.run(), name="uplink-marks")
            await self._sessions()

    async def _sessions(self) -> None:
        """One after the other; wait a little longer after each failure."""
        backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT)
        while True:
            heed_cancellation()
            started = time.monotonic()
            self._accepted = False
            try:
                await asyncio.create_task(self._connect(), name="uplink-session")
            except* (aiomqtt.MqttError, OSError, UnicodeError, ConfigError) as errors:
                self._lost(errors, time.monotonic() - started)
            except* _HostOffline:
                log.info("host offline", gateway=self._node.id)
            finally:
                self._window = None
                self.online.clear()
                self._host.forget()
            await asyncio.sleep(backoff.after(time.monotonic() - started))

    def _lost(self, errors: BaseExceptionGroup[Exception], seconds: float) -> None:
        """Say why a session ended or never began."""
        broker, error = self._settings.broker, errors.exceptions[0]
        while isinstance(error, BaseExceptionGroup):  # of the tasks of a session
            error = error.exceptions[0]
        reason = why(error, broker.host, broker.port, tls=broker.ca_file is not None, taken=self._accepted)
        reason += self._takeovers.ended(seconds, accepted=self._accepted)
        if self._seldom.news(reason):
            log.warning("uplink lost", gateway=self._node.id, reason=reason)

    async def _connect(self) -> None:
        node, broker = self._node, self._settings.broker
        bd_seq = await self._next_session()
        client = MqttClient(
            broker.host,
            broker.port,
            user=broker.user,
            password=broker.password(),
            client_id=self._client_id,
            tls=broker.tls(),
            will=aiomqtt.Will(node.topic("NDEATH"), sparkplug.node_death(bd_seq, at=node.clock.now_ms()), qos=1),
        )
        try:
            async with client:
                self._accepted = True
                await self._hold(client, bd_seq)
        finally:
            if not client.reached:  # no CONNECT was sent, which bdSeq counts
                with contextlib.suppress(HangsError):  # it is taken back in memory
                    await self._outbox.soon(self._outbox.take_back_session)

    async def _next_session(self) -> int:
        """The number of the next session; a disk that hangs delays it, and no more."""
        try:
            return await self._outbox.soon(self._outbox.next_session)
        except HangsError as error:
            self._told.refused(error)
            return self._outbox.next_session_unkept()

    async def _hold(self, client: aiomqtt.Client, bd_seq: int) -> None:
        """Subscribe, then receive and send until something ends the session."""
        node = self._node
        await client.subscribe([(node.topic("NCMD"), 1), (node.topic("DCMD", "+"), 1), (topics.state(self._settings.host_id), 1)])
        heed_cancellation()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receiving(client), name="uplink-receive")
                tasks.create_task(self._sending(client, bd_seq), name="uplink-send")
        finally:
            session, self._session = self._session, None
            if session is not None:  # what was not born needs no death
                with contextlib.suppress(aiomqtt.MqttError):  # an intentional leave says so; after a loss the will does
                    await session.death()

    async def _sending(self, client: aiomqtt.Client, bd_seq: int) -> None:
        """Births once the host is there, then rows until the session ends."""
        if self._settings.acknowledge == "store":
            log.info("uplink waits for the host's STATE", gateway=self._node.id, host=self._settings.host_id)
            await self._host.wait()
        self._session = session = Session(self._node, client, bd_seq)
        while True:  # one round an outbox: a new one has a uuid of its own, which only a birth says
            uuid = self._outbox.uuid
            await session.births()
            live_for = self._node.clock.real_seconds(LATE_AFTER)
            self._window = window = Window(self._outbox, self._settings.backlog_rows_per_second, time.monotonic(), live_for)
            self.online.set()
            log.info("uplink online", gateway=self._node.id, bd_seq=bd_seq)
            while self._outbox.uuid == uuid:
                heed_cancellation()
                await self._send(session, window, uuid)

    async def _send(self, session: Session, window: Window, uuid: str) -> None:
        """The next row, or wait until there may be one."""
        now = time.monotonic()
        found = window.next(now)
        if found is not None:
            row, historical = found
            if self._outbox.uuid == uuid:  # else its position means another row
                await session.row(row, historical=historical)
                if self._settings.acknowledge == "none":
                    self._marks.add(uuid, ((row.seq, row.seq),))
            return
        if await self._read_backlog(window, now):
            return
        await session.bury(window)
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(window.wait(now)):
                await self._wake.wait()

    async def _read_backlog(self, window: Window, now: float) -> bool:
        """Read on in the backlog, if its turn has come."""
        span = window.wants(now)
        if span is None:
            return False
        try:
            window.give(span, await self._outbox.beside(partial(self._outbox.pending, span.after, PAGE, before=span.before)))
        except sqlite3.Error as error:
            self._told.refused(error)
            await asyncio.sleep(_FIRST_WAIT)
        return True

    def _marked(self, spans: Spans) -> None:
        if self._window is not None:
            self._window.acknowledged(spans)
        self._wake.set()

    async def _receiving(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            await self._receive(message)
            heed_cancellation()

    async def _receive(self, message: aiomqtt.Message) -> None:
        raw = bytes(message.payload) if isinstance(message.payload, bytes | bytearray) else b""
        if str(message.topic) == topics.state(self._settings.host_id):
            if self._host.heard(raw) is False and self._session is not None and self._settings.acknowledge == "store":
                raise _HostOffline
            return
        try:
            plain = unwrapped(raw, _LARGEST_COMMAND) if marked(raw) else raw
            await self._command(topics.parse(str(message.topic)), sparkplug.decode(plain))
        except sparkplug.PayloadError as error:
            log.warning("command dropped", gateway=self._node.id, reason=str(error))

    async def _command(self, topic: topics.Topic | None, payload: Payload) -> None:
        if topic is not None and topic.kind == "NCMD":
            await self._node_command(payload)
        elif topic is not None and topic.kind == "DCMD":
            await self._told.command(topic.device, sparkplug.values(payload))

    async def _node_command(self, payload: Payload) -> None:
        for name, value in sparkplug.values(payload).items():
            try:
                if name == sparkplug.REBIRTH and value is True:
                    if self._session is not None:  # else its births are still to come
                        await self._session.births()
                elif name == sparkplug.STORE_ACK:
                    ack = parse_ack(str(value))
                    if ack.outbox == self._outbox.uuid:
                        self._marks.add(ack.outbox, ack.stored)
                elif name == sparkplug.STORE_RESEND:
                    self._begin_recall(*parse_resend(str(value)))
            except ValueError as error:
                log.warning("command dropped", gateway=self._node.id, metric=name, reason=str(error))

    def _begin_recall(self, start: int, end: int) -> None:
        """Beside the session: a month of packs takes longer than acknowledgements may wait, and longer than a session may last.

        Raises:
            ValueError: Too many wait already.
        """
        if (start, end) in self._recalls:
            return
        if len(self._recalls) >= _MOST_RECALLS:
            raise ValueError(f"{_MOST_RECALLS} recalls are under way; this one was expected after them")
        task = asyncio.create_task(self._recall(start, end), name="recall")
        self._recalls[start, end] = task
        task.add_done_callback(lambda _: self._recalls.pop((start, end)))

    async def _recall(self, start: int, end: int) -> None:
        try:
            async with self._recalling:  # one at a time: each works for long, and the writer needs the disk between them
                rows = await self._outbox.beside(recall, self._outbox, start, end)
        except sqlite3.Error as error:
            self._told.refused(error)
            return
        log.info("rows recalled", gateway=self._node.id, rows=rows)
        self.recalled()

    def recalled(self) -> None:
        """Rows on disk became pending behind our back: look through the backlog anew."""
        if self._window is not None:
            self._window.recalled()
        self._wake.set()
