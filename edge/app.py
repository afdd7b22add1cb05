"""Wiring and life cycle of the gateway daemon: one task group, named tasks."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from os.path import realpath
from typing import Any, TypeVar

import structlog

from contract.clock import Clock
from contract.reading import Row
from contract.site import Bus, Device, Site
from contract.sparkplug import COMMAND_RESULT, MetricValue
from edge import health
from edge.control.commands import Control
from edge.outbox import dating, retention
from edge.outbox.outbox import PATIENCE, HangsError, Outbox
from edge.outbox.rows import Kept
from edge.outbox.salvage import salvage
from edge.outbox.writer import Writer
from edge.poller import Poller
from edge.settings import Settings, credentials, located
from edge.timekeeping import CHECK_EVERY, GatewayClock, boot_id, how, kernel_offset
from edge.uplink import Told, Uplink
from edge.watchdog import Systemd
from protocols.base import BusContext, Driver, ListeningDriver, NoDriverError, PollingDriver, WritingDriver, driver_of

log = structlog.get_logger()
LONGEST_POLL = 600.0
"""Seconds that one poll may take, whatever the line; a bus that stands still for longer does not come back by itself."""
KEEP_EVERY = 60.0
"""Seconds between two tidyings of the outbox."""

T = TypeVar("T")


class Gateway:
    """Everything one gateway runs."""

    def __init__(self, settings: Settings, site: Site, clock: Clock) -> None:
        """Lock the outbox and lay out buses; nothing runs yet, and the outbox is opened by its first use.

        Raises:
            ValueError: A bus asks for a protocol that no driver knows.
            InUseError: Another process has the outbox open.
        """
        self._settings = settings
        if settings.clock == "synchronised":
            clock = GatewayClock(clock.origin_ms, clock.real_origin, clock.speed)
        self._clock = clock
        devices = site.gateway_devices(settings.gateway)
        self.outbox = Outbox(settings.outbox, now=False)
        self.faults = health.Faults()
        self.uplink = Uplink(settings, site.group, devices, self.outbox, clock, Told(self._command, self._refused))
        self._writer = Writer(self.outbox, self._committed, self._boot_of)
        self._newest: dict[str, int] = {}
        written: dict[str, WritingDriver[Any]] = {}
        self._buses: dict[str, Poller | ListeningDriver] = {}
        turns = self._turns([bus for bus in site.buses if bus.gateway == settings.gateway])
        for bus in site.buses:
            if bus.gateway != settings.gateway:
                continue
            on_bus = [d for d in devices if d.bus == bus.id]
            for name, together in bus.shared_out(on_bus).items():
                line = self._line(bus, together, turns.get(bus.id))
                driver = _driver(line)
                if isinstance(driver, ListeningDriver):
                    self._buses[name] = driver
                if isinstance(driver, PollingDriver):
                    self._buses[f"{name}/polled" if name in self._buses else name] = Poller(line, driver, self._alive)
                if isinstance(driver, WritingDriver):
                    written |= dict.fromkeys((d.id for d in together), driver)
        self._control = Control(written, {d.id: d for d in devices}, clock, self._writer.put)
        self._orders: set[asyncio.Task[None]] = set()

    def _turns(self, buses: Sequence[Bus]) -> dict[str, asyncio.Lock]:
        """A lock for buses that end at one serial port: their drivers take turns there."""
        ends = {bus.id: located(bus, self._settings).end() for bus in buses}
        ports = {name: realpath(end.place) for name, end in ends.items() if end is not None and end.kind == "serial" and end.known}
        locks = {port: asyncio.Lock() for port, times in Counter(ports.values()).items() if times > 1}
        return {name: locks[port] for name, port in ports.items() if port in locks}

    def _line(self, bus: Bus, devices: Sequence[Device], turn: asyncio.Lock | None) -> BusContext[Bus, Device]:
        settings = self._settings
        user, password = credentials(bus, settings)
        count = partial(self.faults.count, bus.id)
        there = located(bus, settings)
        return BusContext(there, devices, self._clock, self._writer.put, count, user, password, settings.data, self._lost, self._show, turn)

    async def _lost(self, row: Row, reason: str) -> None:
        """A poll that is not kept is counted, and shown to the cloud as long as a session is up."""
        self.outbox.lose(len(row.values))
        self.faults.count("outbox", reason)
        if self._boot_of(row) is None:
            self.uplink.latest(row)
            await self.uplink.unkept(row)

    def _refused(self, error: Exception) -> None:
        self.faults.count("outbox", str(error))

    async def _tried(self, work: Callable[..., T], *arguments: object) -> T | None:
        """What a use of the outbox in a thread gives; None, and counted, when the outbox refuses it."""
        try:
            return await self.outbox.beside(work, *arguments)
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
            return None

    def _overdue(self) -> float:
        """Seconds for which every bus that is polled has stood still: what another start would mend, and a disk that hangs is not."""
        return min((bus.overdue() for bus in self._buses.values() if isinstance(bus, Poller)), default=0.0) - LONGEST_POLL

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._writer.run(), name="outbox-writer")
            tasks.create_task(self.uplink.run(), name="uplink")
            tasks.create_task(self._report(), name="health")
            tasks.create_task(self._keep(), name="outbox-keeping")
            if isinstance(self._clock, GatewayClock):
                tasks.create_task(self._set_clock(self._clock), name="clock")
            else:
                tasks.create_task(self._trust_clock(), name="clock")
            tasks.create_task(Systemd().run(self._overdue), name="systemd")
            for name, bus in self._buses.items():
                tasks.create_task(bus.run(), name=f"bus-{name}")

    async def _report(self) -> None:
        """Say every 30 s how the gateway is; while the outbox refuses the row, or does not answer, only to whom listens now."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                row, answers = await self._health()
                if answers:
                    keeping = tasks.create_task(self._keep_or_show(row), name="health-keep")
                    await asyncio.wait([keeping], timeout=PATIENCE)  # it is kept once the disk answers; the next row says that it did not
                else:
                    await self._show(row)
                if self._waiting() is not None:
                    await self.uplink.waits(row)
                await asyncio.sleep(self._clock.real_seconds(health.INTERVAL))

    async def _health(self) -> tuple[Row, bool]:
        """How the gateway is, and whether its disk answers."""
        settings, faults, clock = self._settings, self.faults, self._clock
        try:
            row = await self.outbox.soon(health.row, settings.gateway, self.outbox, faults, clock, self._writer.refusal)
            if self._writer.stuck() < PATIENCE:
                return row, True
        except HangsError as error:
            self._refused(error)
        return health.refusing(settings.gateway, faults, clock), False

    async def _keep_or_show(self, row: Row) -> None:
        try:
            await self._writer.put([row])
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
            await self._show(row)

    async def _show(self, row: Row) -> None:
        if self._boot_of(row) is None:
            await self.uplink.unkept(row)

    async def _keep(self) -> None:
        """Look for damage once, then take over what damaged files hold, pack, forget and make room, once a minute."""
        settings = self._settings
        await self._tried(self.outbox.count)
        await self._tried(self.outbox.look_through)
        while True:
            await self._tried(self.outbox.count)  # of another file, where this one was set aside or taken away
            taken_over = await self._tried(salvage, self.outbox)
            dated = await self._tried(dating.date_noted, self.outbox)  # what was taken over, and what a power cut left undated
            if taken_over != 0 or dated:  # some may have been taken over before the disk refused the rest
                self.uplink.recalled()
            limits = settings.retain_days, settings.max_bytes
            await self._tried(partial(retention.enforce, self.outbox, self._clock.now_ms(), *limits, boot=self._waiting()))
            if not self._writer.refusal:
                await self.outbox.beside(self.outbox.reserve.make)
            await asyncio.sleep(KEEP_EVERY)

    async def _set_clock(self, clock: GatewayClock) -> None:
        """Follow the kernel's clock; rows read before its first synchronisation get their date then, and it is said that they wait."""
        offset: int | None = None
        said = False
        while True:
            first = clock.look()
            offset = first if offset is None else offset  # later ones differ by what the clock was slewed, and a boot has one
            if offset is None:
                await self._tried(dating.note_boot, self.outbox, clock.boot, kernel_offset())
                stats = await self._tried(self.outbox.stats)
                undated = stats.undated_by.get(clock.boot, 0) if stats is not None and stats.undated_by is not None else None
                log.warning("rows wait for the clock", undated=undated, help=how(clock))
            else:  # again and again: rows may have waited for the disk, or been taken over from a damaged file
                dated = await self._tried(dating.date, self.outbox, clock.boot, offset)
                if dated or (dated is not None and not said):
                    said = True
                    log.info("clock set", dated=dated)
                    self.uplink.recalled()
            await asyncio.sleep(CHECK_EVERY)

    async def _trust_clock(self) -> None:
        """Date what waited for a clock before somebody decided to trust it, also when it is taken over from a damaged file later."""
        offset = round(self._clock.now_ms() - time.monotonic() * 1000.0)
        while True:
            dated = await self._tried(dating.date_trusted, self.outbox, boot_id(), offset)
            if dated:
                log.info("clock trusted", dated=dated)
                self.uplink.recalled()
            await asyncio.sleep(CHECK_EVERY)

    def _boot_of(self, row: Row) -> str | None:
        return self._clock.boot_of(row) if isinstance(self._clock, GatewayClock) else None

    def _waiting(self) -> str | None:
        return self._clock.waiting if isinstance(self._clock, GatewayClock) else None

    def _committed(self, rows: Sequence[Row], kept: list[Kept], since: float) -> None:
        """Remember each device's newest row for its birth: what was stored while a link was down comes late."""
        for row in rows:
            if row.at >= self._newest.get(row.device, row.at) and COMMAND_RESULT not in row.texts:  # one point, not all
                self._newest[row.device] = row.at
                self.uplink.latest(row)
        self.uplink.committed(kept, since)

    async def _alive(self, device: str, alive: bool) -> None:  # noqa: FBT001 (a callback of two arguments)
        log.info("device back" if alive else "device lost", device=device)
        await self.uplink.device_alive(device, alive=alive)

    async def _command(self, device: str, metrics: dict[str, MetricValue]) -> None:
        """Carried out beside the session, so that a slow device does not delay acknowledgements."""
        task = asyncio.create_task(self._control.take(device, metrics), name="command")
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)


def _driver(line: BusContext[Bus, Device]) -> Driver:
    """What speaks to the devices of a line.

    Raises:
        NoDriverError: The bus asks for a protocol that no driver knows, or whose driver cannot be loaded.
    """
    try:
        return driver_of(line.bus.protocol)(line)
    except NoDriverError as error:
        raise NoDriverError(f"bus {line.bus.id}: {error}") from error
