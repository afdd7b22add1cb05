"""Wiring and life cycle of the cloud service."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Awaitable

import sqlalchemy as sa
import structlog
import uvicorn

from cloud.alerts import worker as alerting
from cloud.alerts.channels import load_channels
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.indicators.publishing import Publisher
from cloud.ingest.batch import Batch
from cloud.ingest.host import Host
from cloud.ledger import keeping, worker
from cloud.ledger.book import backlog
from cloud.opening import entered_site, opened_database
from cloud.settings import Settings
from cloud.telemetry.base import StoreDown, Telemetry
from cloud.telemetry.open import open_telemetry
from cloud.watching import SiteWatch
from contract.clock import Clock
from contract.lifecycle import until_signalled
from contract.site import Site
from contract.yamlfile import ConfigError

log = structlog.get_logger()
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


def evaluator_of(settings: Settings, site: Site, engine: sa.Engine) -> Evaluator:
    """The rules, exemptions and channels that the settings name.

    Raises:
        ConfigError: With file, line, field and what was expected.
    """
    rules = load_rules(settings.rules or SHIPPED)
    check_exemptions(site, rules)
    return Evaluator(engine, site, rules, load_channels(settings.channels))


class Service:
    """The parts of one process: interface, ingest or both."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Open the stores and work with the site that was entered; nothing runs yet.

        Raises:
            ConfigError: The database has another schema or no site, or `JIEYUE_SITE` names one of another district.
        """
        self.settings, self.clock = settings, clock
        self.engine = opened_database(settings)
        self.site = entered_site(self.engine)
        self.watch = SiteWatch(settings, self.engine, self.site)
        self.watch.look()
        self.telemetry = telemetry_of(settings)
        self.host: Host | None = None
        self.ledger = worker.State(backlog=1)
        self.alerts = evaluator_of(settings, self.site, self.engine)
        self.alerts.site_differs = lambda: self.watch.differs
        self.listening: socket.socket | None = None
        """Where the interface is served; opened by uvicorn, which says little when it cannot, where none is given."""
        self._touched = asyncio.Event()
        self._caught_up = False

    async def run(self, *, serve: bool, ingest: bool) -> None:
        """Run until cancelled."""
        work: list[Awaitable[None]] = [self.watch.run()]
        if ingest:
            self.host = Host(self.settings, self.engine, self.telemetry, self.clock, self._stored)
            work += [self.host.run(), worker.run(self.engine, self.telemetry, self.clock, self._touched, self.ledger)]
            work.append(Publisher(self.engine, self.telemetry, self.clock, self._settled).run())
            keep = keeping.Keep(self.settings.keep_counters_days, self.settings.keep_gauges_days)
            work.append(keeping.run(self.engine, self.telemetry, self.clock, keep, self._settled))
            work.append(alerting.run_all(self.alerts, self.clock, lambda: self.not_ready() is None))
        if serve:
            work.append(self._serve())
        gc.freeze()  # modules and rules stay until the end: the collector need not walk them each time that readings pour in
        async with asyncio.TaskGroup() as tasks:
            for number, part in enumerate(work):
                tasks.create_task(_plain(part), name=f"part-{number}")

    def close(self) -> None:
        """Give back stores and connections."""
        self.telemetry.close()
        self.engine.dispose()

    def not_ready(self) -> str | None:
        """Why the service cannot be used yet; None when it can."""
        if self._held():
            return "starting"
        if self.host is not None and not self.host.online.is_set():
            return "no broker"
        if self.host is not None and not self._caught_up:
            if self.ledger.backlog > BACKLOG_AT_START:
                return f"ledger: {self.ledger.backlog} hours to settle"
            self._caught_up = True
        try:
            self.telemetry.ping()
        except StoreDown as error:
            log.warning("telemetry down", reason=str(error))
            return "telemetry"  # the reason may name a path or an address, and /healthz is open
        return None

    def _stored(self, batch: Batch) -> None:
        if batch.touched:
            self._touched.set()

    def _settled(self) -> bool:
        """Whether the ledger has counted what came in, but for what is touched at any time."""
        return not self._held() and backlog(self.engine) <= BACKLOG_AT_START

    def _held(self) -> bool:
        """Whether the demo still sends its history."""
        return self.settings.hold is not None and self.settings.hold.exists()

    async def _serve(self) -> None:
        alerts, group = self.alerts, self.site.group
        context = Context(
            self.engine,
            self.telemetry,
            self.clock,
            group,
            self.not_ready,
            self.site,
            alerts.channels,
            alerts.rules,
            lambda: self.watch.differs,
        )
        config = uvicorn.Config(
            create_app(context),
            host=self.settings.bind,
            port=self.settings.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve(sockets=[self.listening] if self.listening else None)


async def _plain(part: Awaitable[None]) -> None:
    await part


async def run_until_signalled(service: Service, *, serve: bool, ingest: bool) -> None:
    """Run a service until SIGINT or SIGTERM, then close it."""
    try:
        await until_signalled(service.run(serve=serve, ingest=ingest))
    finally:
        service.close()
    log.info("stopped")
