"""From Modbus TCP to the committed outbox: values a second, and what a million of them cost."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from bench import figures, site
from contract import sparkplug
from contract.clock import Clock
from simulators.stack.broker import free_port
from simulators.stack.stack import Stack

FLOATS = 60
BUSES = 16
_WARM, _SECONDS = 2.0, 10.0


def run(folder: Path) -> None:
    """One gateway reads as fast as it can from 16 connections, 60 floats a request, without a broker."""
    ports = [free_port() for _ in range(BUSES)]
    profile = site.profile(folder / "sixty.yaml", FLOATS)
    buses = [{"id": f"b{n}", "gateway": "gw", "protocol": "modbus", "port": port} for n, port in enumerate(ports)]
    devices = [{"id": f"d{n}", "profile": profile, "bus": f"b{n}", "unit_id": 1, "interval": 0.001} for n in range(BUSES)]
    stack = Stack(site.write(folder / "site", ["gw"], buses, devices), folder / "data", Clock())
    try:
        stack.processes.python("registers", "bench.registers", *map(str, ports))
        stack.start_edge("gw", {})
        outbox = stack.data / "edge" / "gw" / "outbox.db"
        stack.processes.wait_for("gw", lambda: _rows(outbox) > 0, seconds=20)
        time.sleep(_WARM)
        pid = stack.processes.pid("gw")
        began, rows, used = time.perf_counter(), _rows(outbox), figures.cpu(pid)
        time.sleep(_SECONDS)
        spent, rows, used = time.perf_counter() - began, _rows(outbox) - rows, figures.cpu(pid) - used
        memory = figures.resident_mib(pid)
        _check(outbox)
    finally:
        stack.processes.stop()
    values = rows * FLOATS
    what = f"Modbus TCP to committed outbox, {BUSES} connections, {FLOATS} floats a request"
    figures.tell("edge.values", values / spent, "values/s", what)
    figures.tell("edge.cpu", used.total / values * 1e6, "CPU s/million values", what)
    figures.tell("edge.values_per_core", values / used.total, "values/s of one core", what)
    figures.tell("edge.memory", memory, "MiB", what)


def _check(outbox: Path) -> None:
    """What is counted was read: the newest rows hold all their values, and none is bad."""
    with sqlite3.connect(outbox) as db:
        found = db.execute("SELECT body FROM row WHERE device <> 'gw' ORDER BY seq DESC LIMIT 100").fetchall()
    db.close()
    for (body,) in found:
        readings = list(sparkplug.readings(sparkplug.decode(body), "d"))
        if len(readings) != FLOATS or any(r.value is None for r in readings):
            raise RuntimeError(f"a row does not hold {FLOATS} good values: {readings}")


def _rows(outbox: Path) -> int:
    """Rows of devices that the outbox ever committed."""
    if not outbox.exists():
        return 0
    with sqlite3.connect(outbox) as db:
        try:
            found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'row'").fetchone()
        except sqlite3.OperationalError:
            return 0  # the schema is being made
    db.close()
    return int(found[0]) if found else 0
