"""What a start costs: CPU and seconds from the start of `jieyue-cloud serve` until it is ready, and what cloud and gateway then hold.

A stack of 20 devices with 60 points each, on SQLite; the folder was migrated and the site entered before, as at every start but the first.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from bench import figures
from bench.cloud import polling, ready
from simulators.stack.stack import Stack

DEVICES, FLOATS, BUSES = 20, 60, 4
TIMES = 5
SETTLE = 10.0
"""Seconds of reading before memory is looked at."""


def run(folder: Path) -> None:
    """Start the cloud several times over the same folder, beside a gateway that reads."""
    with polling(folder, DEVICES, FLOATS, buses=BUSES) as (stack, api):
        starts = [_start(stack, api) for _ in range(TIMES)]
        time.sleep(SETTLE)
        held = {name: figures.resident_mib(stack.processes.pid(process)) for name, process in (("cloud", "cloud"), ("gateway", "gw"))}
    what = f"serve over SQLite, {DEVICES} devices of {FLOATS} points; the median of {TIMES} starts"
    figures.tell("start.serve", figures.quantile([seconds for seconds, _ in starts], 0.5), "s", f"until /healthz is 200; {what}")
    figures.tell("start.cpu", figures.quantile([cpu for _, cpu in starts], 0.5), "CPU s", f"until /healthz is 200; {what}")
    for name, mib in held.items():
        figures.tell(
            f"start.memory.{name}", mib, "MiB", f"{SETTLE:.0f} s after its start or the cloud's, {DEVICES} devices of {FLOATS} points"
        )


def _start(stack: Stack, api: httpx.Client) -> tuple[float, float]:
    """Stop the cloud and start it again: seconds and CPU seconds until it is ready."""
    stack.processes.stop("cloud")
    began = time.perf_counter()
    stack.start_cloud()
    stack.processes.wait_for("cloud", lambda: ready(api), seconds=60)
    return time.perf_counter() - began, figures.cpu(stack.processes.pid("cloud")).total
