"""Numbers about the service itself, for Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import prometheus_client
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.alerts.queries import open_by_rule
from cloud.api.context import Context
from cloud.api.devices import all_devices
from cloud.devices.queries import events, nodes
from cloud.devices.queries.clocks import open_row
from cloud.ledger.repository import waiting
from cloud.operations.repository import unfinished

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
REQUESTS = prometheus_client.Counter("jieyue_http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = prometheus_client.Histogram("jieyue_http_request_seconds", "Time until the last byte of an answer.", ["method", "route"])
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Measured:
    """Counts requests by route, never by path, so that no caller can make series without end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = "500", time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            route = getattr(scope.get("route"), "path", "none")
            REQUESTS.labels(method, route, status).inc()
            SECONDS.labels(method, route).observe(time.perf_counter() - began)


class _State(Collector):
    """What the stores say now, asked for at each scrape."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a question."""
        devices = GaugeMetricFamily("jieyue_devices", "Devices, by class and whether they are online.", labels=["class", "online"])
        of_all = (item for group in self._context.districts for item in all_devices(self._context.of(group)))
        counted = Counter((item.device_class, "yes" if item.online else "no") for item in of_all)
        for labels, number in sorted(counted.items()):
            devices.add_metric(labels, number)
        yield devices
        sessions = GaugeMetricFamily(
            "jieyue_nodes", "Edge nodes, by whether they are online and a site has their group.", labels=["online", "site"]
        )
        known = Counter(("yes" if node.online else "no", "yes" if node.known_group else "no") for node in nodes.nodes(self._context.engine))
        for labels, number in sorted(known.items()):
            sessions.add_metric(labels, number)
        yield sessions
        ready = self._context.ready() is None
        yield GaugeMetricFamily("jieyue_ready", "1 when the service is ready.", value=float(ready))
        differs = float(self._context.site_differs())
        yield GaugeMetricFamily("jieyue_site_differs", "1 while the site's files differ from what was entered.", value=differs)
        with self._context.engine.connect() as connection:
            own, hours = open_row(connection), waiting.number(connection)
            rejected, commands = events.number_rejected(connection), unfinished(connection)
        off = 0.0 if own is None else own.offset / 1000
        yield GaugeMetricFamily("jieyue_cloud_clock_offset_seconds", "The cloud's clock minus the time that it believes.", value=off)
        yield GaugeMetricFamily("jieyue_ledger_hours_waiting", "Hours of meters whose consumption is to be computed again.", value=hours)
        yield self._oldest_hour()
        yield GaugeMetricFamily("jieyue_readings_rejected", "Readings that the time-series store will not take.", value=rejected)
        yield GaugeMetricFamily("jieyue_commands_open", "Commands without a result.", value=commands)
        yield self._alerts()

    def _alerts(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily("jieyue_alerts_open", "Alerts that are not resolved.", labels=["rule", "severity"])
        with self._context.engine.connect() as connection:
            for rule, severity, number in open_by_rule(connection):
                family.add_metric([rule, severity], number)
        return family

    def _oldest_hour(self) -> GaugeMetricFamily:
        """Without a sample while no hour waits."""
        family = GaugeMetricFamily("jieyue_ledger_oldest_waiting_hour_seconds", "Begin of the oldest of these hours, seconds since 1970.")
        with self._context.engine.connect() as connection:
            hour = waiting.oldest(connection)
        if hour is not None:
            family.add_metric([], hour / 1000)
        return family


def exposition(context: Context) -> bytes:
    """Everything that this process counts, and what the stores say now."""
    own = CollectorRegistry()
    own.register(_State(context))
    return prometheus_client.generate_latest() + prometheus_client.generate_latest(own)
