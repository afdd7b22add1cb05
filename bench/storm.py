"""A storm over the whole line, on both pairs of stores: how much of what was committed is lost, doubled or dated anew."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import figures
from cloud.telemetry.open import open_telemetry
from tests.storm.accounts import check_times, differences, said, stored_of
from tests.storm.site import GATEWAY
from tests.storm.world import Kind, World, world

SECONDS = float(os.environ.get("JIEYUE_STORM_SECONDS", "600"))
SEEDS = [int(seed) for seed in os.environ.get("JIEYUE_STORM_SEEDS", "1,2,3").split(",")]
BUSES, POLL, DISK = 14, 0.2, "1g"
"""42 meters of 15 points, polled five times a second: ten million readings an hour."""


def run(folder: Path) -> None:
    """Each seed on SQLite, and on InfluxDB with PostgreSQL."""
    for seed in SEEDS:
        for servers in (False, True):
            at = folder / f"{seed}-{servers}"
            at.mkdir()
            with world(at, Kind(servers=servers, buses=BUSES, poll=POLL, disk=DISK)) as here:
                _one(here, seed, "InfluxDB and PostgreSQL" if servers else "SQLite")
            shutil.rmtree(at)


def _one(here: World, seed: int, stores: str) -> None:
    _eventually(here.well)
    _eventually(here.outbox.exists)
    before = here.held()
    done = here.storm(seed, SECONDS)
    ended = time.monotonic()
    _eventually(here.well)
    green = time.monotonic() - ended
    measured, _ = said(here.stack)
    _eventually(lambda: measured <= said(here.stack)[1])
    here.settle(_eventually)
    after = here.held()
    here.stack.processes.stop("cloud")
    telemetry = open_telemetry(here.telemetry)
    committed, gone = here.committed(), here.damage.gone
    stored = stored_of(telemetry, committed)
    telemetry.close()
    check_times(here.stack, stored)
    what = f"seed {seed}, {SECONDS:.0f} s, {stores}; {len(committed)} readings, {done.total()} faults of {len(done)} kinds"
    lost, doubled, strange = differences(stored, committed, gone)
    strange -= here.damage.shown(strange)
    for name, found in (("lost", lost), ("never committed", strange)):
        sys.stderr.writelines(f"{name}: {one}\n" for one in sorted(found)[:20])
    figures.tell("storm.lost", len(lost), "", what)
    figures.tell("storm.doubled", doubled, "", what)
    figures.tell("storm.restamped", len(strange), "", f"stored and never committed so; {what}")
    figures.tell("storm.destroyed", len(gone), "", f"on the gateway's damaged disk before the cloud had them; {what}")
    figures.tell("storm.green", green, "s", f"after the last fault; {what}")
    figures.tell("storm.memory.left", after.memory - before.memory, "MiB", what)
    figures.tell("storm.descriptors.left", after.descriptors - before.descriptors, "", what)
    figures.tell("storm.threads.left", after.threads - before.threads, "", what)
    tracebacks = [line for name in ("cloud", GATEWAY) for line in _tracebacks(here, name)]
    sys.stderr.writelines(tracebacks)
    figures.tell("storm.tracebacks", len(tracebacks), "", what)


def _tracebacks(here: World, name: str) -> list[str]:
    """Lines of a part that tell a fault by a traceback instead of in words."""
    with here.stack.processes.log(name).open(encoding="utf-8", errors="replace") as log:
        return [line for line in log if "Traceback" in line]


def _eventually(condition: Callable[[], object], *, seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds:g} s")
        time.sleep(0.2)
