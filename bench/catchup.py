"""As many hours of few meters and of many: how long the ledger takes to catch up, and how many transactions and statements.

`JIEYUE_CATCHUP_METERS` (100,1000) says of how many meters, `JIEYUE_CATCHUP_HOURS` (876000) how many hours they have in all, and
`JIEYUE_CATCHUP_DATABASE` (sqlite) where the ledger is: sqlite or postgresql.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bench import figures
from bench.settle import BEGIN, HOUR, LIMIT, counter_values
from cloud.ingest.batch import Batch
from cloud.ingest.commit import store
from cloud.ledger import book
from cloud.ledger.model import MeterKey
from cloud.platform.database import open_database
from cloud.platform.migrating import migrate
from cloud.sites.entering import By, enter_site
from cloud.telemetry.base import Line, Polled
from cloud.telemetry.open import open_telemetry
from contract.site import Site
from simulators.stack.postgres import find_postgres, start_postgres

METERS, HOURS = "100,1000", 876_000
STARTED = 150_000.0
"""What a counter shows at first, kWh: one that begins at 0 passes ten sizes of a float32's steps in its first weeks, which the many
meters would do ten times as often.
"""


def run(folder: Path) -> None:
    """One line a number of meters and measure; the last says how much longer the many take than the few."""
    hours = int(os.environ.get("JIEYUE_CATCHUP_HOURS") or HOURS)
    kind = os.environ.get("JIEYUE_CATCHUP_DATABASE") or "sqlite"
    spent = []
    for number in map(int, (os.environ.get("JIEYUE_CATCHUP_METERS") or METERS).split(",")):
        part = folder / str(number)
        part.mkdir()
        with _database(kind, part) as engine:
            spent.append(_one(part, engine, number, hours // number, kind))
    what = f"the most meters against the fewest, {hours} hours in all, {kind}"
    figures.tell("catchup.ratio", spent[-1] / spent[0], "times", what)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[sa.Engine]:
    """An empty ledger."""
    programs = find_postgres() if kind == "postgresql" else None
    server = start_postgres(programs) if programs else None
    engine = open_database(server.url("postgres") if server else f"sqlite:///{folder / 'registry.db'}")
    try:
        migrate(engine)
        yield engine
    finally:
        engine.dispose()
        if server:
            server.stop()


def _one(folder: Path, engine: sa.Engine, number: int, each: int, kind: str) -> float:
    """Store the hours of so many meters and settle them; returns the seconds that settling took."""
    telemetry = open_telemetry(f"sqlite:///{folder / 'telemetry.db'}")
    try:
        site = site_of(number)
        enter_site(engine, site, By("bench", 0, date(2020, 1, 1)))
        times = np.arange(BEGIN, BEGIN + each * HOUR + 1, HOUR, dtype=np.int64)
        for index in range(number):
            name, values = f"m{index}", counter_values(index, times, 60.0)
            lines: list[Line] = [
                Polled(site.group, "electricity", name, at, {"energy_import": STARTED + value})
                for at, value in zip(times.tolist(), values, strict=True)
            ]
            store(Batch(lines=lines, touched={(MeterKey(site.group, name), at) for at in times.tolist()[:-1]}), engine, telemetry)
        with _counted(engine) as done:
            began, used = time.perf_counter(), time.process_time()
            while book.settle(engine, telemetry, LIMIT) == LIMIT:
                pass
            spent, used = time.perf_counter() - began, time.process_time() - used
    finally:
        telemetry.close()
    name, what = f"catchup.{kind}.{number}", f"{number} meters with {each} hours each, samples by the hour"
    figures.tell(name, spent, "s", what)
    figures.tell(f"{name}.cpu", used, "CPU s", what)
    for measure in ("statements", "transactions"):
        figures.tell(f"{name}.{measure}", done[measure], measure, f"{what}; in the ledger's database")
    return spent


@contextmanager
def _counted(engine: sa.Engine) -> Iterator[Counter[str]]:
    """How many statements are executed and transactions committed meanwhile."""
    done: Counter[str] = Counter(statements=0, transactions=0)

    def execute(*_arguments: object) -> None:
        done["statements"] += 1

    def commit(_connection: object) -> None:
        done["transactions"] += 1

    listeners = (("before_cursor_execute", execute), ("commit", commit))
    for event, listener in listeners:
        sa.event.listen(engine, event, listener)
    yield done
    for event, listener in listeners:
        sa.event.remove(engine, event, listener)


def site_of(number: int) -> Site:
    """A compound with one unit and so many meters of electricity."""
    named = {"zh": "表", "en": "meter"}
    names = [f"m{index}" for index in range(number)]
    buses = [{"id": f"b{index}", "gateway": "gw", "protocol": "modbus"} for index in range((number + 199) // 200)]
    devices = [
        {"id": name, "name": named, "profile": "electricity/chint-dtsu666", "bus": f"b{index // 200}", "unit_id": index % 200 + 1}
        for index, name in enumerate(names)
    ]
    meter = {"name": named, "energy": "electricity", "point": "energy_import", "compound": "c", "units": ["u"], "main": True}
    return Site.model_validate(
        {
            "id": "many",
            "name": named,
            "group": "510802",
            "latitude": 32.4,
            "longitude": 105.8,
            "compounds": [{"id": "c", "name": named, "buildings": []}],
            "units": [{"id": "u", "name": named, "compound": "c", "headcount": 10, "area": 1000}],
            "gateways": [{"id": "gw"}],
            "buses": buses,
            "devices": devices,
            "meters": [meter | {"id": name, "device": name} for name in names],
        }
    )
