"""From a change in a device to the interface: how long until somebody who asks sees it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import httpx

from bench import figures, site
from bench.cloud import client, ready
from contract.clock import Clock, parse_time
from simulators.stack.broker import free_port
from simulators.stack.influxd import start_influxd
from simulators.stack.stack import Stack

DEVICES, BUSES = 48, 4
INTERVAL = 1.0
SECONDS = 60.0
LOOK_EVERY = 0.005
CHANGES = 20_000


def run(folder: Path) -> None:
    """48 devices of 60 floats polled each second; one is watched through the interface."""
    ports = [free_port() for _ in range(BUSES)]
    profile = site.profile(folder / "sixty.yaml", 60)
    buses = [{"id": f"b{n}", "gateway": "gw", "protocol": "modbus", "port": port} for n, port in enumerate(ports)]
    devices = [{"id": f"d{n}", "profile": profile, "bus": f"b{n % BUSES}", "unit_id": n + 1, "interval": INTERVAL} for n in range(DEVICES)]
    (folder / "influxd").mkdir()
    server = start_influxd(folder / "influxd")
    environment = {"JIEYUE_TELEMETRY": server.url()}
    stack = Stack(site.write(folder / "site", ["gw"], buses, devices), folder / "data", Clock(), environment=environment)
    try:
        stack.processes.python("registers", "bench.registers", *map(str, ports))
        stack.start_broker()
        stack.start_cloud()
        stack.start_edge("gw", {})
        with client(stack) as api:
            stack.processes.wait_for("cloud", lambda: ready(api), seconds=30)
            seen = _watch(api, "d7")
    finally:
        stack.processes.stop()
        server.kill()
    _tell(seen)


def _watch(api: httpx.Client, device: str) -> list[tuple[float, float]]:
    """(when the device answered, when the interface first showed it) of each poll, seconds."""
    seen: list[tuple[float, float]] = []
    end = time.time() + SECONDS
    while time.time() < end:
        rows = api.get("/api/v1/readings/latest", params={"device": device}).raise_for_status().json()
        now = time.time()
        answered = next((r["value"] / 1000 for r in rows if r["point"] == site.CLOCK_POINT), None)
        if answered is not None and (not seen or answered > seen[-1][0]):
            at = next(parse_time(r["at"]) for r in rows if r["point"] == site.CLOCK_POINT)
            if not int(answered * 1000) <= at < (answered + INTERVAL) * 1000:
                raise RuntimeError(f"a reading is dated {at - answered * 1000:+.0f} ms off its answer")
            seen.append((answered, now))
        time.sleep(LOOK_EVERY)
    return seen[1:]


def _tell(seen: list[tuple[float, float]]) -> None:
    """Latency from the answer, and from a change at a random moment, which also waits for its poll."""
    from_answer = [shown - answered for answered, shown in seen]
    chance = random.Random(1)  # noqa: S311 (moments, no secret)
    from_change = []
    for _ in range(CHANGES):
        number = chance.randrange(1, len(seen))
        changed = chance.uniform(seen[number - 1][0], seen[number][0])
        from_change.append(seen[number][1] - changed)
    what = f"{DEVICES} devices of 60 floats each {INTERVAL:g} s, Modbus TCP to the HTTP interface, through mosquitto and influxd"
    for name, numbers in (("answer", from_answer), ("change", from_change)):
        for share in (50, 99):
            figures.tell(f"latency.{name}.p{share}", figures.quantile(numbers, share / 100) * 1000, "ms", f"from a device's {name}: {what}")
