"""From a change in a device to the interface: how long until somebody who asks sees it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import httpx

from bench import figures, site
from bench.cloud import polling
from contract.clock import parse_time
from simulators.stack.influxd import start_influxd

DEVICES, BUSES = 48, 4
INTERVAL = 1.0
SECONDS = 60.0
LOOK_EVERY = 0.005
CHANGES = 20_000


def run(folder: Path) -> None:
    """48 devices of 60 floats polled each second; one is watched through the interface."""
    (folder / "influxd").mkdir()
    server = start_influxd(folder / "influxd")
    try:
        with polling(folder, DEVICES, 60, buses=BUSES, interval=INTERVAL, environment={"JIEYUE_TELEMETRY": server.url()}) as (_, api):
            seen = _watch(api, "d7")
    finally:
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
