"""Wiring and life cycle of the cloud service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import sqlalchemy as sa
import structlog
import uvicorn

from cloud import storing
from cloud.alerts import worker as alerting
from cloud.alerts.channels import load_channels
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.nothing_stored import NothingStored
from cloud.alerts.repository import moments
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from cloud.api.app import create_app
from cloud.api.connections import Room, bounded
from cloud.api.context import Context
from cloud.definitions import definitions
from cloud.health import Health, first_line
from cloud.indicators.publishing import Publisher
from cloud.ingest.batch import Batch
from cloud.ingest.broker_watch import BrokerWatch
from cloud.ingest.host import Host
from cloud.ingest.intake import WAIT, Intake
from cloud.ingest.own import Own, own_clock
from cloud.ingest.worker import Worker
from cloud.ledger import keeping, worker
from cloud.ledger.book import backlog
from cloud.opening import entered_sites, opened_database
from cloud.platform import collector
from cloud.platform.database import DOWN
from cloud.platform.leading import Lead, check_server, fenced, lead_of, while_leading
from cloud.reports.queue import Limits, ReportQueue
from cloud.roles import ALL, Role
from cloud.settings import Settings, networks
from cloud.storing import Elsewhere
from cloud.telemetry.base import StoreDown, Telemetry
from cloud.telemetry.open import open_telemetry
from cloud.watching import SiteWatch
from contract.clock import Clock
from contract.descriptors import raise_limit
from contract.lifecycle import until_signalled
from contract.site import Site
from contract.yamlfile import ConfigError

log = structlog.get_logger()
_THREADS = 32
"""For all that works beside the event loop: some may hang in a store, and the others must not wait for them."""
_GRACE = 8.0
"""Seconds that parts have to end by themselves; containers have ten."""
BACKLOG_AT_START = 200
"""Touched hours that may wait when the service first says that it is ready; live readings touch a few at any time."""


def telemetry_of(settings: Settings) -> Telemetry:
    """The time-series store that the settings name.

    Raises:
        ConfigError: The address is of no form that is known.
        OSError: The file cannot be opened.
    """
    try:
        return open_telemetry(settings.telemetry_url())
    except StoreDown as error:
        raise OSError(f"the time-series store cannot be opened: {error}") from error
    except ValueError as error:
        raise ConfigError(f"JIEYUE_TELEMETRY: {error}") from error


def evaluators_of(settings: Settings, sites: Iterable[Site], engine: sa.Engine) -> list[Evaluator]:
    """One for each site, with the rules, exemptions and channels that the settings name.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    rules, channels, found = load_rules(settings.rules or SHIPPED), load_channels(settings.channels), []
    for site in sites:
        check_exemptions(site, rules)
        found.append(Evaluator(engine, site, rules, channels))
    return found


class Service:
    """The parts of one process: interface, ingest or both."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open the stores and work with the sites that were entered; nothing runs yet.

        Raises:
            ConfigError: A file of an indicator is wrong, the database has another schema or no site, or `JIEYUE_SITE` names one that was
                not entered.
        """
        self.settings, self.clock = settings, own_clock(clock)
        definitions()  # now: whoever asks for a figure later could only be told that a file is wrong
        self.engine = opened_database(settings)
        self.sites = entered_sites(self.engine)
        self.watch = SiteWatch(settings, self.engine, self.sites)
        self.watch.look()
        self.telemetry = telemetry_of(settings)
        self.health = Health(self.engine, self.telemetry, clock)
        self.host: Host | None = None
        """While this process is the one at the broker."""
        self.worker: Worker | None = None
        """Where this process takes a share of what gateways send."""
        self.elsewhere = Elsewhere(self.engine)
        """The process that stores, while it is another."""
        self.ledger = worker.State(backlog=1)
        self.alerts = evaluators_of(settings, self.sites.values(), self.engine)
        self.channels = self.alerts[0].channels
        for evaluator in self.alerts:
            evaluator.site_differs = partial(self._differs, evaluator.site.group)
        self.listening: socket.socket | None = None
        """Where the interface is served; opened by uvicorn, which says little when it cannot, where none is given."""
        self._touched = asyncio.Event()
        self._caught_up = False

    async def run(self, roles: Collection[Role] = ALL) -> None:
        """Run until cancelled.

        Args:
            roles: What this process does, or waits to do.

        Raises:
            ConfigError: The database is SQLite's, and another process works on it; or PostgreSQL is too old; or a store of one process
                is to be shared by several.
        """
        if Role.INGEST in roles:
            self._check_shared()
        leads = self._leads(roles)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="work"))
        work: list[Awaitable[None]] = [self.watch.run(), self.health.run(), self.elsewhere.run()]
        work += [while_leading(lead, role, partial(self._parts[role], fenced(self.engine, lead))) for role, lead in leads.items()]
        names = {
            "zh": "、".join(site.name.zh for site in self.sites.values()),
            "en": ", ".join(site.name.en for site in self.sites.values()),
        }
        told = self.settings.data / f"told-by-{_name_of(roles)}.json"
        work.append(NothingStored(self.channels, self._down, names, told).run())
        if Role.API in roles:
            work.append(self._serve())
        if Role.INGEST in roles:
            work.append(self._work())
        collector.spare()
        await together(work)

    def _leads(self, roles: Collection[Role]) -> dict[Role, Lead]:
        """What is held for each role; on SQLite one process holds all, and is refused where another does."""
        led = [role for role in Role if role in roles and role in self._parts]
        if self.engine.dialect.name == "postgresql":
            check_server(self.engine)
            return {role: lead_of(self.engine, role) for role in led}
        lead = lead_of(self.engine, "lock")
        if led and not lead.take():
            raise ConfigError(f"another process works on {self.engine.url.database}; on SQLite one does all but serve --no-ingest")
        return dict.fromkeys(led, lead)

    def _check_shared(self) -> None:
        """Whether a worker can store beside the leader.

        Raises:
            ConfigError: It cannot.
        """
        for name, url in (("JIEYUE_DATABASE", self.engine.url.drivername), ("JIEYUE_TELEMETRY", self.settings.telemetry_url())):
            if url.startswith("sqlite"):
                raise ConfigError(f"{name}: expected a server that ingest workers and the leader share, got SQLite")

    @property
    def _parts(self) -> Mapping[Role, Callable[[sa.Engine], Awaitable[None]]]:
        """What one process at a time does, by role; each works on an engine that writes only while this process has the role."""
        return {
            Role.LEADER: self._lead,
            Role.SETTLEMENT: self._settle,
            Role.ALERTING: self._alert,
            Role.PUBLISHING: lambda engine: Publisher(engine, self.telemetry, self.clock, self._settled, self._dated).run(),
        }

    async def _lead(self, engine: sa.Engine) -> None:
        """Be the host at the broker: what nodes said before is read anew, since another may have heard it."""
        try:
            self.host = await asyncio.to_thread(self._host, engine)
        except DOWN as error:
            log.warning("the role waits for the database", role=Role.LEADER, reason=first_line(error))
            return
        work: list[Awaitable[None]] = [self.host.run(), storing.tell(engine, self.clock, self._stores)]
        if self.settings.mqtt_watch_user:
            work.append(BrokerWatch(self.settings, engine, next(iter(self.sites)), self.clock).run())
        try:
            await together(work)
        finally:
            self.host = None
            self.clock.own.forget(Own())  # what gateways said of this clock is the host's: nobody here would ever take it back
            self.clock.own.unsure = False

    def _host(self, engine: sa.Engine) -> Host:
        return Host(self.settings, engine, self.telemetry, self.clock, self._stored, moments.bring_forward, self.health)

    async def _work(self) -> None:
        """Take a share of what gateways send, and say so, once the database can be asked."""
        told = False
        while (worker := self.worker) is None:
            try:
                self.worker = await asyncio.to_thread(self._worker)
            except DOWN as error:
                if not told:
                    log.warning("the role waits for the database", role=Role.INGEST, reason=first_line(error))
                told = True
                await asyncio.sleep(WAIT)
        await together([worker.run(), storing.tell(self.engine, self.clock, worker.stores, worker.name)])

    def _worker(self) -> Worker:
        return Worker(self.settings, self.engine, self.telemetry, self.clock, self._stored, self.health)

    async def _settle(self, engine: sa.Engine) -> None:
        """Count what was touched, and thin what is old."""
        keep = keeping.Keep(self.settings.keep_counters_days, self.settings.keep_gauges_days)
        thinning = keeping.run(engine, self.telemetry, self.clock, keep, self._may_thin)
        try:
            await together([worker.run(engine, self.telemetry, self.clock, self._touched, self.ledger), thinning])
        finally:
            self.ledger.backlog = 1  # what waits is another's now, and keeps nobody here from being ready

    async def _alert(self, engine: sa.Engine) -> None:
        """Look at the rules, and tell."""
        for evaluator in self.alerts:
            evaluator.engine = engine
        await alerting.run_all(self.alerts, engine, self.channels, self.clock, lambda: self.not_ready() is None)

    def _differs(self, group: str) -> bool:
        """Whether the files of `JIEYUE_SITE` say something else of a district than what was entered."""
        return group in self.watch.differs

    def close(self) -> None:
        """Give back stores and connections."""
        self.telemetry.close()
        self.engine.dispose()

    def not_ready(self) -> str | None:
        """Why the service cannot be used yet; None when it can. Nothing is asked for it: what is known is kept."""
        if self._held():
            return "starting"
        if any(not one.online.is_set() for one in self._intakes()):
            down = self.health.down()  # then a worker leaves the broker by itself
            return "no broker" if down in {None, "starting"} else self._with_rights(down)
        if self.host is not None and not self._caught_up:
            if self.ledger.backlog > BACKLOG_AT_START:
                return f"ledger: {self.ledger.backlog} hours to settle"
            self._caught_up = True
        return self._with_rights(self._down())

    def _with_rights(self, down: str | None) -> str | None:
        """What keeps from storing, and which rights are missing if that is why."""
        missing = self.health.missing()
        # a name and no reason, which may hold a path or an address, since /healthz is open; what is said of rights holds neither
        return f"{down}: {missing}" if down == self.health.database.name and missing else down

    def _down(self) -> str | None:
        """What keeps this process, or the one that does it, from storing."""
        return self.health.down() or (None if self.host is not None else self.elsewhere.down())

    def _intakes(self) -> list[Intake]:
        """Who hears the broker here."""
        return [one for one in (self.host, self.worker) if one is not None]

    def _stores(self) -> bool:
        """Whether what gateways send is stored here."""
        return self.host is not None and self.host.online.is_set() and self.health.down() is None

    def _stored(self, batch: Batch) -> None:
        if batch.touched:
            self._touched.set()

    def _settled(self) -> bool:
        """Whether the ledger has counted what came in, but for what is touched at any time; by a clock that is doubted it never has."""
        return not self.clock.own.doubted and not self._held() and backlog(self.engine) <= BACKLOG_AT_START

    def _may_thin(self) -> bool:
        """The same, and nobody contradicts today's date: what is gone is gone."""
        return self._settled() and self._dated() and not self.clock.own.unsure

    def _dated(self) -> bool:
        """Whether the date is not new: a clock that leapt within the last day closes no year."""
        return not self.clock.own.held(self.clock.now_ms())

    def _held(self) -> bool:
        """Whether somebody says that more history is still to come (`JIEYUE_HOLD`): no year is closed and nothing thinned before."""
        return self.settings.hold is not None and self.settings.hold.exists()

    def _room(self) -> Room:
        """For connections to the interface: half of what the process may open, at most."""
        most, allowed = self.settings.connections, raise_limit() // 2
        if most > allowed:
            log.warning("fewer connections than were set; raise the limit of open files", JIEYUE_CONNECTIONS=most, connections=allowed)
        return Room(min(most, allowed), self.settings.connections_per_client, networks(self.settings.trusted_proxies))

    async def _serve(self) -> None:
        s, (group, *others) = self.settings, self.sites
        context = Context(
            self.engine,
            self.telemetry,
            self.clock,
            group,
            self.not_ready,
            self.sites[group],
            self.channels,
            self.alerts[0].rules,
            lambda: bool(self.watch.differs),
            self.health,
            ReportQueue(Limits(s.report_workers, s.report_queue, s.report_seconds, s.report_memory_mb)),
            streams=s.streams,
            others={other: self.sites[other] for other in others},
        )
        config = uvicorn.Config(
            create_app(context),
            host=self.settings.bind,
            port=self.settings.port,
            http=bounded(self._room()),
            ws="none",
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=self.settings.trusted_proxies,
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(sockets=[self.listening] if self.listening else None)


def _name_of(roles: Collection[Role]) -> str:
    """What tells a process from others with the same data folder."""
    if Role.LEADER in roles:
        return "ingest"
    if Role.INGEST in roles:
        return "worker"
    return "-".join(sorted(set(roles) - {Role.API})) or "serve"


async def together(parts: Iterable[Awaitable[None]]) -> None:
    """Run the parts of the service; when one fails, the others have as long to end as after a signal."""
    async with asyncio.TaskGroup() as tasks:
        for number, part in enumerate(parts):
            tasks.create_task(_part(part), name=f"part-{number}")


async def _part(part: Awaitable[None]) -> None:
    try:
        await part
    except Exception:  # whatever it is: a process that cannot work and does not end is started by nobody again
        log.exception("a part of the service failed")
        _leave_in_time()
        raise


def _leave_in_time() -> None:
    """End the process though a thread hangs in a store: what it had to commit comes again, since nobody acknowledged it."""
    last = threading.Timer(_GRACE, _leave)
    last.daemon = True
    last.start()


def _leave() -> None:
    log.error("a store holds a thread; leaving without it", seconds=_GRACE)
    os._exit(1)


async def run_until_signalled(service: Service, roles: Collection[Role] = ALL) -> None:
    """Run a service until SIGINT or SIGTERM, then close it."""
    try:
        await until_signalled(service.run(roles), _leave_in_time)
    finally:
        _leave_in_time()
        service.close()
    log.info("stopped")
