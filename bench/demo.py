"""`make demo`: how fast the past of all meters goes through the real path, and how soon the whole is ready."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench import figures
from bench.cloud import ready
from simulators.stack.broker import free_port

READY_WITHIN = 300.0


def run(folder: Path) -> None:
    """One demo from an empty folder until it is ready."""
    port, said = free_port(), folder / "said"
    environment = os.environ | {"JIEYUE_PORT": str(port), "JIEYUE_DATA": str(folder / "data")}
    began = time.monotonic()
    with said.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "simulators.stack.demo"], env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as api:
            while not ready(api):
                if process.poll() is not None or time.monotonic() - began > READY_WITHIN:
                    raise RuntimeError("the demo did not become ready: " + said.read_text(encoding="utf-8", errors="replace")[-2000:])
                time.sleep(0.1)
        seconds = time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    found = re.search(r"history: (\d+) readings in ([\d.]+) s", said.read_text(encoding="utf-8", errors="replace"))
    if found is None:
        raise RuntimeError("the demo said nothing about its history")
    readings, spent = int(found[1]), float(found[2])
    what = "hourly counters of all meters of the first site, last year and this one to date"
    figures.tell("history.readings", readings, "readings", what)
    figures.tell("history.rate", readings / spent, "readings/s", f"{what}, through MQTT and ingest into SQLite until acknowledged")
    figures.tell("demo.ready", seconds, "s", "from the start of the demo to /healthz 200; packages installed, data folder empty")
