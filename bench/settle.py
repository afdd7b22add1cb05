"""Two years of the first site in the ledger: hours a second, counted for the first time and counted anew.

The product is entered by its own commands, and samples are stored as ingest stores them; the counters are made here, so that
two products settle the same numbers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from bench import figures
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book, model
from cloud.telemetry.base import Line, Polled, Telemetry
from cloud.telemetry.open import open_telemetry
from contract.site import Site, load_site

_SITES = "contract.sitefolder" if importlib.util.find_spec("contract.sitefolder") else "contract.site"
shipped_site = importlib.import_module(_SITES).shipped_site
_HOME = "cloud.platform.database" if importlib.util.find_spec("cloud.platform") else "cloud.registry.database"
open_database = importlib.import_module(_HOME).open_database
"""A product that is compared with this one may still have them at the second place."""

if TYPE_CHECKING:
    from contract.meter import Meter  # an older product has it elsewhere

HOUR = 3_600_000
BEGIN, HOURS = 1_735_660_800_000, 2 * 365 * 24
"""2025 and 2026 in Shanghai."""
EVERY = 3
"""So many of the meters; all would take minutes."""
DENSE = 2
"""Meters with samples of 15 minutes; history of the others is kept by the hour."""
LIMIT = 100_000
_USE = {"electricity": 60.0, "water": 1.5, "natural_gas": 3.0}
"""Mean use an hour."""


def run(folder: Path) -> None:
    """Enter the first site, store two years of its counters, and settle them twice."""
    site = load_site(shipped_site("lizhou"))
    _enter(folder)
    engine, telemetry = open_database(f"sqlite:///{folder / 'registry.db'}"), open_telemetry(f"sqlite:///{folder / 'telemetry.db'}")
    meters = [meter for meter in site.meters if meter.device and meter.point][::EVERY]
    try:
        samples = sum(_store(engine, telemetry, site, meter, number) for number, meter in enumerate(meters))
        hours = {(_key(site, meter), BEGIN + number * HOUR) for meter in meters for number in range(HOURS)}
        what = f"every third meter of the first site ({len(meters)}), two years, {samples} samples in SQLite"
        for name, said in (("first", "counted for the first time"), ("anew", "all touched again and counted anew")):
            store(Batch(touched=hours), engine, telemetry)
            began, used = time.perf_counter(), time.process_time()
            _settle(engine, telemetry)
            spent, used = time.perf_counter() - began, time.process_time() - used
            figures.tell(f"settle.{name}", len(hours) / spent, "hours/s", f"{what}, {said}")
            figures.tell(f"settle.{name}.cpu", used / len(hours) * 1e6, "CPU s/million hours", f"{what}, {said}")
    finally:
        telemetry.close()
        engine.dispose()


def _key(site: Site, meter: Meter) -> Any:  # noqa: ANN401 (an older product has no type for it)
    """By which the ledger knows a meter; to an older product that is its id alone."""
    return model.MeterKey(site.group, meter.id) if hasattr(model, "MeterKey") else meter.id


def _enter(folder: Path) -> None:
    """Schema and site, by the commands that this product has for it."""
    environment = os.environ | {"JIEYUE_DATA": str(folder), "JIEYUE_SITE": "lizhou"}
    cloud = [sys.executable, "-m", "cloud"]
    subprocess.run([*cloud, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (our own program)
    apply = [*cloud, "site", "apply"]
    known = subprocess.run([*apply, "--help"], env=environment, check=False, capture_output=True)  # noqa: S603 (the same)
    if known.returncode == 0:  # before there was this command, `migrate` entered the site
        command = [*apply, str(shipped_site("lizhou")), "--yes"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 (the same)


def _store(engine: sa.Engine, telemetry: Telemetry, site: Site, meter: Meter, number: int) -> int:
    """Two years of one counter, a month at a time; returns how many samples."""
    step = HOUR // 4 if number < DENSE else HOUR
    times = np.arange(BEGIN, BEGIN + HOURS * HOUR + 1, step, dtype=np.int64)
    values = counter_values(number, times, _USE[meter.energy] * step / HOUR)
    device = site.device_by_id[str(meter.device)]
    point, device_class = str(meter.point), device.model.device_class
    lines: list[Line] = [
        Polled(site.group, device_class, device.id, at, {point: value}) for at, value in zip(times.tolist(), values, strict=True)
    ]
    store(Batch(lines=lines), engine, telemetry)
    return len(lines)


def counter_values(seed: int, times: np.typing.NDArray[np.int64], mean: float) -> list[float]:
    """What a counter shows at some times (ms) when days are busier than nights, `mean` units from one to the next on average."""
    chance = np.random.default_rng(seed)
    busy = 0.4 + np.clip(np.sin((times % (24 * HOUR)) / (24 * HOUR) * 2 * np.pi), 0, None)
    used = busy * chance.gamma(25, 1 / 25, len(times)) * mean
    values: list[float] = np.round(1000 * chance.random() + np.cumsum(used), 3).tolist()
    return values


def _settle(engine: sa.Engine, telemetry: Telemetry) -> None:
    """Settle until nothing waits."""
    while book.settle(engine, telemetry, LIMIT) == LIMIT:
        pass
