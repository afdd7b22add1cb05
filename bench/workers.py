"""Ingest workers beside a leader: readings a second until acknowledged with none, one and two, on PostgreSQL and InfluxDB."""

from __future__ import annotations

import os
import re
import struct
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import uvloop

from bench import figures
from bench.cloud import client, ready
from bench.gateways import Prepared, publish, send_all
from bench.ingest import prepare, site_folder
from contract import rights
from contract.clock import Clock
from contract.sparkplug_b_pb2 import Payload
from simulators.stack.influxd import start_influxd
from simulators.stack.postgres import find_postgres, start_postgres
from simulators.stack.processes import StartError
from simulators.stack.stack import HOST_ID, Stack

WIDTHS = (10, 100)
"""Readings in a payload."""
WARM = 100
"""Rows of each gateway that are sent again and again until the workers have them."""

AHEAD = 20_000
"""Ms by which rows are stamped ahead, since a measure lasts up to fifty seconds."""
_LAST = 0x80
"""The digits of a packet's length are at least this, but for the last."""


def run(folder: Path) -> None:
    """Each number of workers with payloads of both widths.

    Raises:
        StartError: There is no PostgreSQL.
    """
    programs = find_postgres()
    if programs is None:
        raise StartError("no PostgreSQL is installed")
    for width in WIDTHS:
        for workers in (0, 1, 2):
            part = folder / f"{width}-{workers}"
            (part / "influxd").mkdir(parents=True)
            with ExitStack() as stack:
                database = start_postgres(programs)
                stack.callback(database.stop)
                store = start_influxd(part / "influxd")
                stack.callback(store.kill)
                environment = {"JIEYUE_DATABASE": database.url("postgres"), "JIEYUE_TELEMETRY": store.url()}
                _measure(Stack(site_folder(part / "site"), part / "data", Clock(), environment=environment), width, workers)


def _measure(stack: Stack, width: int, workers: int) -> None:
    rights.write_files(rights.rights(stack.site, HOST_ID, workers=workers), stack.broker.folder)
    prepared = prepare(stack, width)
    rows = sum(len(p.rows) for p in prepared)
    try:
        stack.start_broker()
        stack.start_cloud()
        with client(stack) as api:
            stack.processes.wait_for("cloud", lambda: ready(api), seconds=30)
            for number in range(1, workers + 1):
                _start_worker(stack, number)
            _warm(stack, api, prepared, workers)
            rows_now = [replace(p, births=[]) for p in _sent_now(stack, prepared)]
            names = ["broker", "cloud", *(f"worker-{number}" for number in range(1, workers + 1))]
            used = {name: figures.cpu(stack.processes.pid(name)) for name in names}
            seconds = uvloop.run(send_all(stack.broker.port, rows_now))
            used = {name: figures.cpu(stack.processes.pid(name)) - used[name] for name in names}
    finally:
        stack.processes.stop()
    what = (
        f"{len(prepared)} gateways through mosquitto into PostgreSQL and influxd, {width} readings a payload, {os.cpu_count()} shared cores"
    )
    figures.tell(f"workers.{workers}.{width}", rows * width / seconds, "readings/s", what)
    for name, spent in used.items():
        figures.tell(f"workers.{workers}.{width}.cpu.{name}", spent.total / (rows * width) * 1e6, "CPU s/million readings", what)


def _start_worker(stack: Stack, number: int) -> None:
    name, user = f"worker-{number}", rights.WORKER_USER.format(number)
    own = {
        "JIEYUE_MQTT_USER": user,
        "JIEYUE_MQTT_PASSWORD_FILE": str(stack.broker.password_file(user)),
        "JIEYUE_DATA": str(stack.data / name),
    }
    (stack.data / name).mkdir()
    stack.processes.python(name, "cloud", "serve", "--role", "ingest", environment=stack.cloud_environment() | own)
    log = stack.processes.log(name)
    stack.processes.wait_for(name, lambda: "worker online" in log.read_text(encoding="utf-8"), seconds=30)


def _warm(stack: Stack, api: httpx.Client, prepared: list[Prepared], workers: int) -> None:
    """Send births and a few rows until the leader leaves the rows to all workers, and no birth is fresh any more."""
    first = [replace(p, rows=p.rows[:WARM]) for p in prepared]
    uvloop.run(send_all(stack.broker.port, _sent_now(stack, first)))
    first, log = [replace(p, births=[]) for p in first], stack.processes.log("cloud")
    left, share = -1, sum(len(p.rows) for p in first)
    while workers and (f'"workers": {workers}' not in log.read_text(encoding="utf-8") or _left(api) - left < share):
        left = _left(api)
        uvloop.run(send_all(stack.broker.port, _sent_now(stack, first)))


def _sent_now(stack: Stack, prepared: list[Prepared]) -> list[Prepared]:
    """The same rows, stamped as sent in the middle of the measure: what is off by more than half a minute no worker takes."""
    return [replace(p, rows=[_stamped(row, stack.clock.now_ms() + AHEAD) for row in p.rows]) for p in prepared]


def _stamped(row: bytes, now: int) -> bytes:
    """A PUBLISH whose payload is stamped `now` (ms): of a field that comes twice the last one counts."""
    head = 1 + next(number for number, byte in enumerate(row[1:], 1) if byte < _LAST)
    (length,) = struct.unpack_from(">H", row, head)
    payload = head + 2 + length
    return publish(row[head + 2 : payload].decode(), row[payload:] + Payload(timestamp=now).SerializeToString())


def _left(api: httpx.Client) -> int:
    """Messages that the leader left to workers so far."""
    found = re.search(r'jieyue_ingest_left_total\{to="workers"\} (\S+)', api.get("/metrics").raise_for_status().text)
    return int(float(found[1])) if found else 0
