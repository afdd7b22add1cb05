"""A quarter's report of many meters as PDF: how long the command takes, and how much of a processor.

`JIEYUE_REPORT_METERS` (1000) says of how many meters; each has hours from the begin of the year before to the end of the quarter.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bench import figures
from bench.catchup import site_of
from cloud.ledger.periods import HOUR_MS, month_start
from cloud.platform.database import open_database
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from tests.cloud import tables
from tests.cloud.district import GROUP

METERS = 1000
BEGIN, END = month_start(2025, 1), month_start(2026, 4)
"""From the year before to the end of the quarter that is reported."""


def run(folder: Path) -> None:
    """Fill the ledger of an empty database, then make the report as a clerk does."""
    number = int(os.environ.get("JIEYUE_REPORT_METERS") or METERS)
    address = f"sqlite:///{folder / 'registry.db'}"
    engine = open_database(address)
    migrate(engine)
    enter_site(engine, site_of(number), By("bench", 0, date(2020, 1, 1)))
    with engine.begin() as connection:
        for index in range(number):
            connection.execute(sa.insert(tables.ledger_hour), list(_hours(index)))
    engine.dispose()
    paper = folder / "report.pdf"
    command = [sys.executable, "-m", "cloud", "report", "targets", "--year", "2026", "--quarter", "1", "--output", str(paper)]
    environment = {**os.environ, "JIEYUE_DATABASE": address, "JIEYUE_DATA": str(folder), "JIEYUE_NOW": "2026-04-02"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True)  # noqa: S603 (our own program)
    spent, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    hours = (END - BEGIN) // HOUR_MS
    what = f"jieyue-cloud report targets --quarter 1, PDF of {paper.stat().st_size // 1024} KiB, {number} meters, {hours} hours each"
    figures.tell("report", spent, "s", what)
    figures.tell("report.cpu", after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "CPU s", what)


def _hours(index: int) -> Iterator[dict[str, object]]:
    """Each hour of a meter that is used more by day."""
    chance = np.random.default_rng(index)
    for hour, amount in zip(range(BEGIN, END, HOUR_MS), chance.integers(500, 5_000, (END - BEGIN) // HOUR_MS).tolist(), strict=True):
        yield {"grp": GROUP, "meter": f"m{index}", "hour": hour, "provenance": "measured", "amount": amount}
