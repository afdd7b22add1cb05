"""5000 devices fall silent and come back: how long a round of rules takes, how many messages a channel gets, and what ten pages are sent.

Rules, senders and interface are the service's own, in one process over SQLite; the clock is stepped, ten seconds a round, so that an
hour's storm takes minutes. What pages are sent is counted on their sockets and set against the time of that clock. One round in a storm is
the longest, and a machine is not equally fast at each moment, so that storms are repeated.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import sqlalchemy as sa
import uvicorn

from bench import figures, site
from cloud.accounts import tokens
from cloud.accounts.model import Role
from cloud.alerts import sender
from cloud.alerts.channels import Channel, load_channels
from cloud.alerts.evaluate import Evaluator
from cloud.alerts.ruleset import load_rules
from cloud.api import events
from cloud.api.app import create_app
from cloud.api.context import Context
from cloud.platform import collector
from cloud.platform.database import open_database, writing
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from cloud.telemetry.open import open_telemetry
from contract.clock import Clock
from contract.site import Site, load_site
from tests.cloud import tables

DEVICES, BUSES, GATEWAYS, POINTS = 5000, 200, 10, 10
PAGES = 10
STEP = 10_000
"""Ms of the clock between two rounds."""
LOOK = 0.1
"""Real seconds between two looks of the streams: as the clock is stepped, they need not wait."""
STORMS = 3
"""One after the other on one site."""
SILENT, BACK = 45, 30
"""Rounds without and with readings."""
BEGIN = 1_790_000_000_000


class _Told(ThreadingHTTPServer):
    """A webhook that counts."""

    number = 0


class _Handler(BaseHTTPRequestHandler):
    server: _Told

    def do_POST(self) -> None:
        """Take a message."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.number += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_what: object) -> None:
        """Nothing is said."""


def run(folder: Path) -> None:
    """Spread over their buses, so that buses explain devices; then each bus with one device, so that nothing explains any."""
    for name, buses in (("grouped", BUSES), ("alone", DEVICES)):
        place = folder / name
        place.mkdir()
        asyncio.run(_storm(place, name, buses))


async def _storm(folder: Path, name: str, buses: int) -> None:
    made = _site(folder, buses)
    engine, telemetry = open_database(f"sqlite:///{folder / 'registry.db'}"), open_telemetry(f"sqlite:///{folder / 'telemetry.db'}")
    migrate(engine)
    enter_site(engine, made, By("bench", 0, date(2020, 1, 1)))
    token = tokens.issue(engine, "bench", Role.VIEWER, by="bench", at=0)
    hook = _Told(("127.0.0.1", 0), _Handler)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    clock, channel = Clock(origin_ms=BEGIN, speed=0.0), _channel(folder, hook.server_address[1])
    evaluator = Evaluator(engine, made, load_rules(), [channel])
    context = Context(engine, telemetry, clock, made.group, lambda: None, made, [channel], evaluator.rules)
    _heard(engine, made, BEGIN, first=True)
    collector.spare()  # as the service does
    app = create_app(context)
    app.state.topics = events.Topics(context, app.state.walls, period=LOOK)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    taken: Counter[str] = Counter()
    pages = [asyncio.create_task(_page(server, token, taken)) for _ in range(PAGES)]
    try:
        while taken["begun"] < PAGES:  # noqa: ASYNC110 (a counter has no event)
            await asyncio.sleep(0.05)
        storms = [await _rounds(evaluator, channel, made, BEGIN + number * (SILENT + BACK) * STEP) for number in range(STORMS)]
    finally:
        for page in pages:
            page.cancel()
        server.should_exit = True
        await asyncio.gather(serving, *pages, return_exceptions=True)
        hook.shutdown()
        telemetry.close()
        engine.dispose()
    _tell(name, buses, storms, hook.number, taken)


def _site(folder: Path, buses: int) -> Site:
    profile = site.profile(folder / "points.yaml", POINTS)
    lines = [{"id": f"b{n}", "gateway": f"gw{n % GATEWAYS}", "protocol": "modbus", "host": f"b{n}.invalid"} for n in range(buses)]
    a_bus = DEVICES // buses
    devices = [
        {"id": f"d{n:04}", "profile": profile, "bus": f"b{n // a_bus}", "unit_id": n % a_bus + 1, "interval": 15} for n in range(DEVICES)
    ]
    return load_site(site.write(folder / "site", [f"gw{n}" for n in range(GATEWAYS)], lines, devices, metered=False))


def _channel(folder: Path, port: int) -> Channel:
    (folder / "url").write_text(f"json://127.0.0.1:{port}/", encoding="utf-8")
    (folder / "channels.yaml").write_text("channels: [{name: duty, url_file: url}]", encoding="utf-8")
    return load_channels(folder / "channels.yaml")[0]


def _heard(engine: sa.Engine, made: Site, now: int, *, first: bool = False) -> None:
    """Every device is read at a moment; what pages are sent of readings is no part of this, so only what rules look at changes."""
    latest = tables.latest
    with writing(engine).begin() as connection:
        if not first:
            connection.execute(latest.update().values(good_at=now))
            return
        nodes = [{"grp": made.group, "id": g.id, "outbox": g.id, "bd_seq": 0, "online": True, "changed_at": now} for g in made.gateways]
        connection.execute(tables.node.insert(), nodes)
        row = {"grp": made.group, "value": 1.0, "at": now, "received_at": now, "good_at": now, "quality": 192, "reason": ""}
        points = list(made.devices[0].model.points)
        connection.execute(latest.insert(), [row | {"device": d.id, "point": point} for d in made.devices for point in points])


async def _page(server: uvicorn.Server, token: str, taken: Counter[str]) -> None:
    """A page that listens; the whole at its begin is counted apart."""
    base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    http = httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    async with http, http.stream("GET", "/api/v1/events") as answer:
        begun = False
        async for part in answer.aiter_bytes():
            taken["changes" if begun else "begin"] += len(part)
            if b"event: alert_counts" in part and not begun:
                begun = True
                taken["begun"] += 1


async def _rounds(evaluator: Evaluator, channel: Channel, made: Site, begin: int) -> list[float]:
    """CPU seconds of each round of a storm."""
    spent = []
    for number in range(1, SILENT + BACK + 1):
        now = begin + number * STEP
        if number > SILENT:
            await asyncio.to_thread(_heard, evaluator.engine, made, now)
        spent.append(await asyncio.to_thread(_round, evaluator, now))
        while await asyncio.to_thread(sender.send_one, evaluator.engine, channel, now):
            pass
        await asyncio.sleep(2 * LOOK)
    return spent


def _round(evaluator: Evaluator, now: int) -> float:
    """CPU seconds of a round, in its own thread."""
    began = time.thread_time()
    evaluator.round(now)
    return time.thread_time() - began


def _tell(name: str, buses: int, storms: list[list[float]], messages: int, taken: Counter[str]) -> None:
    what = f"{DEVICES} devices of {POINTS} points on {buses} buses silent for {SILENT} rounds and back for {BACK}, SQLite"
    longest = [max(rounds) for rounds in storms]
    said = f"the longest round of all rules in a storm, of {STORMS} storms; {what}"
    figures.tell(f"storm_alerts.{name}.round.longest.p50", figures.quantile(longest, 0.5), "CPU s", said)
    figures.tell(f"storm_alerts.{name}.round.max", max(longest), "CPU s", said)
    rounds = [spent for storm in storms for spent in storm]
    figures.tell(f"storm_alerts.{name}.round.p50", figures.quantile(rounds, 0.5), "CPU s", f"a round of all rules; {what}")
    figures.tell(f"storm_alerts.{name}.messages", messages / STORMS, "messages", f"a storm to one channel with its defaults; {what}")
    seconds = STORMS * (SILENT + BACK) * STEP / 1000
    said = f"to {PAGES} pages in all, by the stepped clock, without the whole at their begin; {what}"
    figures.tell(f"storm_alerts.{name}.pages", taken["changes"] / 1000 / seconds, "kB/s", said)
