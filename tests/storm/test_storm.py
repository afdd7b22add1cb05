"""Kills, hangs, cut lines, full and damaged disks, wrong clocks, garbage and floods in random order: what was committed is stored once."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud.telemetry.open import open_telemetry
from simulators.stack.chaos import storm
from simulators.stack.postgres import find_postgres
from simulators.stack.stack import Stack
from tests.conftest import installed, missing
from tests.storm.accounts import check_gaps, check_times, differences, said, stored_of
from tests.storm.site import GATEWAY, POLL
from tests.storm.world import LONGEST, Kind, told, world

Eventually = Callable[..., Any]
SEED, SECONDS = 7, 60.0
EARLY_ACK = Path(__file__).with_name("early_ack.py")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("servers", [False, True], ids=["sqlite", "influxdb-postgresql"])
def test_nothing_committed_is_lost_doubled_or_dated_anew(servers: bool, tmp_path: Path, eventually: Eventually) -> None:  # noqa: FBT001 (a parameter)
    """After a minute of storm: nothing lost, nothing left behind, everything in words."""
    if os.geteuid() != 0:
        missing("mount", "mount, and to be root: a small disk is mounted and a network made")
    installed("ip", "iproute2")
    if servers:
        installed("influxd", "influxdb")
        if find_postgres() is None:
            missing("initdb", "postgresql")
    with world(tmp_path, Kind(servers=servers)) as here:
        eventually(here.well, seconds=60)
        eventually(here.outbox.exists)
        before = here.held()
        done = here.storm(SEED, SECONDS)
        eventually(here.well, seconds=90)
        measured, _ = said(here.stack)
        eventually(lambda: measured <= said(here.stack)[1], seconds=90)
        here.settle(eventually)
        after = here.held()
        here.stack.processes.stop("cloud")
        committed, gone = here.committed(), here.damage.gone
        telemetry = open_telemetry(here.telemetry)
        stored = stored_of(telemetry, committed)
        telemetry.close()
        lost, doubled, strange = differences(stored, committed, gone)
        assert (lost, doubled, strange - here.damage.shown(strange)) == (set(), 0, set())
        assert len(committed) > 1000
        assert len(gone) < len(committed) / 10
        numbers = check_times(here.stack, stored)
        check_gaps(here.stack, numbers, _cycles(done), gone)
        acknowledged = said(here.stack)[1]
        assert len(acknowledged) > 30
        fixes = {(device, at) for device, point, at, _ in {*stored, *gone} if point == "odometer"}
        assert acknowledged <= fixes, "a fix was acknowledged and lost"
        assert after.descriptors <= before.descriptors + 12
        assert after.threads <= before.threads + 24
        assert after.memory <= before.memory + 100
        for name in ("cloud", GATEWAY):
            log = here.stack.processes.log(name)
            assert "Traceback" not in log.read_text(encoding="utf-8")
            assert told(log).total() > 0
    assert len(done) >= 8
    sys.stdout.write(f"{sum(done.values())} faults: {dict(done)}; {len(committed)} readings, {len(gone)} destroyed; {before} {after}\n")


def _cycles(done: Counter[str]) -> int:
    """Poll cycles that the gateway may lose: one at each kill, and those for which its disk was full."""
    while_full = int(LONGEST / POLL) + 3
    killed = done[f"{GATEWAY} is killed"] + done["the outbox is damaged"]
    return 2 + killed + done[f"{GATEWAY} hangs"] + while_full * done[f"the disk of {GATEWAY} is full"]


@pytest.mark.timeout(300)
def test_an_acknowledgement_before_the_commit_is_found_out(tmp_path: Path, eventually: Eventually) -> None:
    """The test of the test: a cloud that acknowledges first and commits later loses readings, and this comparison sees it."""

    def wrong(stack: Stack) -> None:
        stack.processes.start("cloud", [sys.executable, str(EARLY_ACK), "serve"], stack.cloud_environment())

    with world(tmp_path, Kind(privileged=False), serve=wrong) as here:
        eventually(here.outbox.exists)
        deaths = [fault for fault in here.faults if fault.name == "cloud is killed"]
        for seed in range(6):
            eventually(here.well, seconds=60)
            storm(deaths, seed=seed, most=1)
        here.settle(eventually)
        here.stack.processes.stop("cloud")
        telemetry = open_telemetry(here.telemetry)
        committed = here.committed()
        lost, doubled, strange = differences(stored_of(telemetry, committed), committed, set())
        assert lost
        assert (doubled, strange) == (0, set())
        telemetry.close()
