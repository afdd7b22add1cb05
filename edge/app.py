"""Wiring and life cycle of the gateway daemon: one task group, named tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import structlog

from contract.clock import Clock
from contract.reading import Row
from contract.site import Bus, Device, Site
from contract.sparkplug import MetricValue
from edge import health
from edge.control.commands import Control
from edge.drivers.base import Line, ListeningDriver, PollingDriver, drivers
from edge.notify import Systemd
from edge.outbox import keeping
from edge.outbox.outbox import Kept, Outbox
from edge.outbox.writer import Writer
from edge.poller import Poller
from edge.settings import Settings, credentials, located
from edge.timekeeping import CHECK_EVERY, HOW, GatewayClock, boot_id, kernel_offset
from edge.uplink import Uplink

log = structlog.get_logger()
KEEP_EVERY = 60.0
"""Seconds between two tidyings of the outbox."""


class Gateway:
    """Everything one gateway runs."""

    def __init__(self, settings: Settings, site: Site, clock: Clock) -> None:
        """Open the outbox and lay out buses; nothing runs yet.

        Raises:
            ValueError: A bus asks for a protocol that no driver knows.
        """
        self._settings = settings
        self._clock = clock = GatewayClock(speed=clock.speed) if settings.clock == "synchronised" else clock
        devices = site.gateway_devices(settings.gateway)
        self.outbox = Outbox(settings.data / "outbox.db")
        self.faults = health.Faults()
        self.uplink = Uplink(settings, site.group, devices, self.outbox, clock, self._command)
        self._writer = Writer(self.outbox, self._committed, self._waiting)
        self._newest: dict[str, int] = {}
        known = drivers()
        asked: dict[str, PollingDriver] = {}
        self._buses: dict[str, Poller | ListeningDriver] = {}
        for bus in site.buses:
            if bus.gateway != settings.gateway:
                continue
            on_bus = [d for d in devices if d.bus == bus.id]
            if bus.protocol not in known:
                raise ValueError(f"bus {bus.id}: no driver for {bus.protocol!r}; there are {', '.join(sorted(known))}")
            for name, together in _connections(bus, on_bus).items():
                line = self._line(bus, together)
                driver = known[bus.protocol](line)
                if isinstance(driver, ListeningDriver):
                    self._buses[name] = driver
                else:
                    asked |= dict.fromkeys((d.id for d in together), driver)
                    self._buses[name] = Poller(line, driver, self._alive)
        self._control = Control(asked, {d.id: d for d in devices}, clock, self._writer.put)
        self._orders: set[asyncio.Task[None]] = set()

    def _line(self, bus: Bus, devices: Sequence[Device]) -> Line:
        settings = self._settings
        user, password = credentials(bus, settings)
        count = partial(self.faults.count, bus.id)
        return Line(located(bus, settings), devices, self._clock, self._commit, count, user, password, settings.data)

    async def _commit(self, rows: Sequence[Row]) -> None:
        """Commit, then remember each device's newest row for its birth: what was stored while a link was down comes late."""
        await self._writer.put(rows)
        for row in rows:
            if row.at >= self._newest.get(row.device, row.at):
                self._newest[row.device] = row.at
                self.uplink.latest(row)

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
            tasks.create_task(Systemd().run(self._writer.stuck), name="systemd")
            for name, bus in self._buses.items():
                tasks.create_task(bus.run(), name=f"bus-{name}")

    async def _report(self) -> None:
        while True:
            row = await asyncio.to_thread(health.row, self._settings.gateway, self.outbox, self.faults, self._clock)
            await self._commit([row])
            if self._waiting() is not None:
                await self.uplink.waits(row)
            await asyncio.sleep(self._clock.real_seconds(health.INTERVAL))

    async def _keep(self) -> None:
        """Pack, forget and make room, once a minute."""
        settings = self._settings
        while True:
            await asyncio.sleep(KEEP_EVERY)
            if self._waiting() is None:
                await asyncio.to_thread(keeping.tidy, self.outbox, self._clock.now_ms(), settings.retain_days, settings.max_bytes)

    async def _set_clock(self, clock: GatewayClock) -> None:
        """Follow the kernel's clock; rows read before its first synchronisation get their date then, and it is said that they wait."""
        while True:
            offset = clock.look()
            if offset is not None:
                dated = await asyncio.to_thread(keeping.date, self.outbox, clock.boot, offset)
                log.info("clock set", dated=dated)
                self.uplink.recalled()
            elif clock.waiting is not None:
                await asyncio.to_thread(keeping.note_boot, self.outbox, clock.boot, kernel_offset())
                log.warning("rows wait for the clock", undated=(await asyncio.to_thread(self.outbox.stats)).undated, help=HOW)
            await asyncio.sleep(CHECK_EVERY)

    async def _trust_clock(self) -> None:
        """Date what waited for a clock before somebody decided to trust it."""
        offset = round(self._clock.now_ms() - time.monotonic() * 1000.0)
        dated = await asyncio.to_thread(keeping.date_trusted, self.outbox, boot_id(), offset)
        if dated:
            log.info("clock trusted", dated=dated)
            self.uplink.recalled()

    def _waiting(self) -> str | None:
        return self._clock.waiting if isinstance(self._clock, GatewayClock) else None

    def _committed(self, kept: list[Kept], since: float) -> None:
        self.uplink.committed(kept, since)

    async def _alive(self, device: str, alive: bool) -> None:  # noqa: FBT001 (a callback of two arguments)
        log.info("device back" if alive else "device lost", device=device)
        await self.uplink.device_alive(device, alive=alive)

    async def _command(self, device: str, metrics: dict[str, MetricValue]) -> None:
        """Carried out beside the session, so that a slow device does not delay acknowledgements."""
        task = asyncio.create_task(self._control.take(device, metrics), name="command")
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)


def _connections(bus: Bus, devices: list[Device]) -> dict[str, list[Device]]:
    """Which devices share a connection, by a name for it: all of a bus, or each by itself."""
    return {bus.id: devices} if bus.connections == "one" else {f"{bus.id}/{d.id}": [d] for d in devices}
