"""Reads the broker's log by a connection of its own, counts refused clients and puts them on record, for the alert rules."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import replace

import aiomqtt
import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.devices import broker_refusals
from cloud.devices.broker_refusals import OTHERS, Key, Told
from cloud.ingest import broker_record
from cloud.ingest.broker_log import BrokerLog, Reason
from cloud.ledger.periods import local_date, midnight
from cloud.platform import database
from cloud.settings import Settings
from contract.clock import Clock
from contract.lifecycle import heed_cancellation
from contract.logs import Seldom
from contract.reaching import why
from contract.rights import BROKER_LOG
from contract.yamlfile import ConfigError
from protocols.mqtt_client import MqttClient

log = structlog.get_logger()
REFUSED = prometheus_client.Counter("jieyue_broker_refused", "Clients that the broker refused, or that throw each other off.", ["reason"])
LINES = prometheus_client.Counter("jieyue_broker_log_lines", "Lines of the broker's log that were read.")
WRITE_EVERY = 5.0
"""Seconds between two records at least."""
_WAIT = 5.0
_QUIET = 60.0
_MOST_LINES = 10_000
"""Lines that wait to be read; what comes beyond them in a flood is left out."""
_LONGEST_LINE = 2000
_CLIENT_LOG = logging.getLogger(f"{__name__}.client")
_CLIENT_LOG.setLevel(logging.ERROR)  # the client warns of each line that it leaves out


class BrokerWatch:
    """Listens to the broker's log as the user that the settings name."""

    def __init__(self, settings: Settings, engine: sa.Engine, group: str, clock: Clock) -> None:
        """`group` is the site's, whose record it is."""
        self._settings, self._engine, self._group, self._clock = settings, engine, group, clock
        self._log = BrokerLog()
        self._found: dict[Key, Told] = {}
        self._wake = asyncio.Event()
        self._seldom = Seldom(_QUIET)
        self._counted: Counter[Reason] = Counter()

    async def run(self) -> None:
        """Listen and record until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sessions(), name="broker-watch")
            tasks.create_task(self._records(), name="broker-records")

    async def _sessions(self) -> None:
        while True:
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError, UnicodeError, ConfigError) as error:
                s = self._settings
                if self._seldom.news("lost"):
                    reason = why(error, s.mqtt_host, s.mqtt_port, tls=s.mqtt_ca_file is not None)
                    log.warning("the broker's log is not read", user=s.mqtt_watch_user, reason=reason)
            heed_cancellation()
            await asyncio.sleep(_WAIT)

    async def _session(self) -> None:
        s = self._settings
        async with MqttClient(
            s.mqtt_host,
            s.mqtt_port,
            user=s.mqtt_watch_user,
            password=s.mqtt_watch_password(),
            client_id=s.mqtt_watch_user,
            tls=s.mqtt_tls(),
            most_waiting=_MOST_LINES,
            log=_CLIENT_LOG,
        ) as client:
            await client.subscribe(BROKER_LOG)
            async for message in client.messages:
                raw = message.payload if isinstance(message.payload, bytes) else b""
                self.heard(raw[:_LONGEST_LINE].decode("utf-8", "replace"))
                heed_cancellation()

    def heard(self, line: str) -> None:
        """Take a line of the broker's log."""
        LINES.inc()
        attempt = self._log.heard(line, time.monotonic())
        if attempt is None:
            return
        REFUSED.labels(attempt.reason).inc()
        self._counted[attempt.reason] += 1
        if self._seldom.news(attempt.reason):
            number = self._counted[attempt.reason]
            log.warning("the broker refused", reason=attempt.reason, who=attempt.who, detail=attempt.detail, count=number)
        kind = broker_refusals.CONTESTED if attempt.reason is Reason.CONTESTED else broker_refusals.REFUSED
        self._add(Key(kind, attempt.who or OTHERS), Told(attempt.reason, attempt.detail))

    def _add(self, key: Key, told: Told) -> None:
        """Keep it until it is on record."""
        if key not in self._found and len(self._found) >= broker_record.MOST:
            key = Key(key.kind, OTHERS)
        before = self._found.get(key)
        self._found[key] = told if before is None else replace(told, number=before.number + told.number)
        self._wake.set()

    async def _records(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            found, self._found = self._found, {}
            try:
                now = self._clock.now_ms()
                await asyncio.to_thread(broker_record.record, self._engine, self._group, found, midnight(local_date(now)), now)
            except database.REFUSED as error:
                if self._seldom.news("record"):
                    log.warning("refusals wait", reason=str(error).splitlines()[0])
                newer, self._found = self._found, found
                for key, told in newer.items():
                    self._add(key, told)
                self._wake.set()
            await asyncio.sleep(WRITE_EVERY)
