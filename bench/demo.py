"""`make demo`: how fast the past of all meters goes through the real path, and how soon the whole is ready."""

from __future__ import annotations

import re
from pathlib import Path

from bench import figures, whole


def run(folder: Path) -> None:
    """One demo from an empty folder until it is ready."""
    with whole.running(folder) as demo:
        said, seconds = demo.said, demo.ready_after
    found = re.search(r"history: (\d+) readings in ([\d.]+) s", said)
    if found is None:
        raise RuntimeError("the demo said nothing about its history")
    readings, spent = int(found[1]), float(found[2])
    what = "hourly counters of all meters of the first site, last year and this one to date"
    figures.tell("history.readings", readings, "readings", what)
    figures.tell("history.rate", readings / spent, "readings/s", f"{what}, through MQTT and ingest into SQLite until acknowledged")
    figures.tell("demo.ready", seconds, "s", "from the start of the demo to /healthz 200; packages installed, data folder empty")
