"""Through broker and ingest into a store: readings a second until acknowledged, and what each part of the way costs."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvloop

from bench import figures, site
from bench.cloud import client, ready
from bench.gateways import Prepared, publish, send_all
from contract import sparkplug
from contract.clock import Clock
from contract.point import POINTS
from contract.reading import Row
from contract.sparkplug import DataType
from contract.topics import Topic
from simulators.stack.influxd import start_influxd
from simulators.stack.stack import Stack

try:
    from contract.sparkplug import MetricDefinition
except ImportError:  # an older product, which is measured beside this one, has it by another name
    from contract.sparkplug import Born as MetricDefinition  # type: ignore[attr-defined, no-redef]

GATEWAYS, DEVICES = 16, 20
READINGS = {10: 1_200_000, 100: 2_400_000}
"""How many are sent, by readings in a payload."""
SPACING = 100
"""Ms between two rows of one device."""
STEP = 0.001
"""kWh that a counter rises from row to row: 36 kW, which the branch of such a meter can draw."""


def run(folder: Path) -> None:
    """Both stores, 10 and 100 readings a payload."""
    for store in ("influxd", "sqlite"):
        for width in READINGS:
            part = folder / f"{store}-{width}"
            part.mkdir()
            with _store(store, part) as (environment, server):
                _measure(part, store, width, environment, server)


@contextmanager
def _store(name: str, folder: Path) -> Iterator[tuple[dict[str, str], int | None]]:
    """(settings of the cloud, process id of the store's server)."""
    if name == "sqlite":
        yield {}, None
        return
    (folder / "influxd").mkdir()
    server = start_influxd(folder / "influxd")
    try:
        yield {"JIEYUE_TELEMETRY": server.url()}, server.process.pid
    finally:
        server.kill()


def site_folder(folder: Path) -> Path:
    """Write the site whose gateways send, and return its folder."""
    gateways = [f"gw-{n}" for n in range(GATEWAYS)]
    buses = [{"id": f"bus-{g}", "gateway": g, "protocol": "modbus"} for g in gateways]
    devices = [
        {"id": f"{g}-d{n}", "profile": "electricity/chint-dtsu666", "bus": f"bus-{g}", "unit_id": n + 1}
        for g in gateways
        for n in range(DEVICES)
    ]
    return site.write(folder, gateways, buses, devices)


def _measure(folder: Path, store: str, width: int, environment: dict[str, str], server: int | None) -> None:
    stack = Stack(site_folder(folder / "site"), folder / "data", Clock(), environment=environment)
    prepared = prepare(stack, width)
    rows = sum(len(p.rows) for p in prepared)
    try:
        stack.start_broker()
        stack.start_cloud()
        with client(stack) as api:
            stack.processes.wait_for("cloud", lambda: ready(api), seconds=30)
            pids = {"broker": stack.processes.pid("broker"), "cloud": stack.processes.pid("cloud")} | ({"server": server} if server else {})
            before, used = _steps(api), {name: figures.cpu(pid) for name, pid in pids.items()}
            seconds = uvloop.run(send_all(stack.broker.port, prepared))
            after, used = _steps(api), {name: figures.cpu(pid) - used[name] for name, pid in pids.items()}
    finally:
        stack.processes.stop()
    steps = {name: after[name] - before.get(name, 0.0) for name in after}
    what = f"{GATEWAYS} gateways through mosquitto and ingest into {store}, {width} readings a payload, {os.cpu_count()} shared cores"
    name = f"ingest.{store}.{width}"
    figures.tell(name, rows * width / seconds, "readings/s", what)
    cloud = used["cloud"].total
    shares = {
        "broker": used["broker"].total,
        "receive": used["cloud"].main_thread,
        "decode": steps["decode"],
        "store": steps["store"],
        "store_server": used["server"].total if server else 0.0,
        "other": cloud - used["cloud"].main_thread - steps["decode"] - steps["store"],
    }
    for part, spent in shares.items():
        figures.tell(f"{name}.cpu.{part}", spent / (rows * width) * 1e6, "CPU s/million readings", what)


def _steps(api: httpx.Client) -> dict[str, float]:
    """CPU seconds of ingest's steps so far."""
    text = api.get("/metrics").raise_for_status().text
    return {name: float(value) for name, value in re.findall(r'jieyue_ingest_cpu_seconds_total\{step="(\w+)"\} (\S+)', text)}


def prepare(stack: Stack, width: int) -> list[Prepared]:
    """Every message of the measure, ready to be sent: encoding costs the gateways, not the cloud."""
    points = ["energy_import", *(name for name in POINTS if name != "energy_import")][:width]
    now = stack.clock.now_ms()
    polls = READINGS[width] // width // (GATEWAYS * DEVICES)
    found = []
    for gateway in stack.site.gateways:
        node, outbox = gateway.id, str(uuid.uuid4())
        mine = [d.id for d in stack.site.devices if d.bus == f"bus-{node}"]
        rows: list[bytes] = []
        for poll in range(polls):
            at = now - (polls - poll) * SPACING
            for device in mine:
                row = Row(device, at, {point: 0.5 + poll * STEP + number / 7 for number, point in enumerate(points)})
                body = sparkplug.encode_rows([row], historical=True)
                payload = sparkplug.data(body, sent_at=now, seq=len(rows) % 256, store_seq=len(rows) + 1)
                rows.append(publish(str(Topic(site.GROUP, "DDATA", node, device)), payload))
        password = stack.broker.password_file(node).read_text(encoding="utf-8").strip()
        births = _births(node, outbox, mine, points, now)
        found.append(Prepared(site.GROUP, node, password, outbox, births, rows))
    return found


def _births(node: str, outbox: str, devices: list[str], points: list[str], now: int) -> list[bytes]:
    root = [
        MetricDefinition(sparkplug.BD_SEQ, DataType.INT64, 0),
        MetricDefinition(sparkplug.STORE_OUTBOX, DataType.STRING, outbox),
        MetricDefinition(sparkplug.STORE_SEQ, DataType.UINT64, 0),
    ]
    leaf = [MetricDefinition(point, DataType.DOUBLE) for point in points]
    births = [publish(str(Topic(site.GROUP, "NBIRTH", node)), sparkplug.birth(root, at=now, seq=0))]
    for number, device in enumerate(devices, 1):
        births.append(publish(str(Topic(site.GROUP, "DBIRTH", node, device)), sparkplug.birth(leaf, at=now, seq=number)))
    return births
