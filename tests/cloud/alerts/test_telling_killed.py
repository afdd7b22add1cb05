"""SIGKILL between decision and sending, and in the midst of sending: nothing is lost, and what comes twice has the same key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from contract.clock import Clock, iso, parse_time
from contract.coded import Message
from tests.cloud import tables
from tests.waiting import wait

if TYPE_CHECKING:
    from tests.cloud.alerts.conftest import Hook, House

SPEED = 10.0
START = parse_time("2026-07-21T10:00:00+08:00")
TELLER = Path(__file__).with_name("teller.py")
KILLS = 3


def test_a_killed_service_tells_everything_and_nothing_twice(house: House, webhook: Hook, tmp_path: Path) -> None:
    """Each call for help becomes one alert and one message at the receiver, who knows a repetition by its key."""
    (tmp_path / "url").write_text(webhook.url, encoding="utf-8")
    channels = tmp_path / "channels.yaml"
    channels.write_text(json.dumps({"channels": [{"name": "duty", "url_file": "url", "burst": 100}]}), encoding="utf-8")
    clock = Clock(START, time.time(), SPEED)
    environment = os.environ | {"JIEYUE_NOW": iso(START), "JIEYUE_SPEED": str(SPEED), "JIEYUE_ANCHOR": str(clock.real_origin)}

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", str(TELLER), str(tmp_path), str(channels)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def calls(car: str) -> None:
        row = {
            "kind": "vehicle_sos",
            "grp": house.site.group,
            "subject": car,
            "at": clock.now_ms(),
            "detail": Message("reason.emergency").dumps(),
            "noted_at": clock.now_ms(),
        }
        with house.engine.begin() as connection:
            connection.execute(tables.event.insert().values(row))

    def decided() -> int:
        with house.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(tables.notification)).scalar_one()

    def decided_more(before: int) -> None:
        wait(lambda: decided() > before, "decided", every=0.005)

    cars = [f"car-em-{number:02d}" for number in range(1, 2 * KILLS + 1)]
    for number, car in enumerate(cars):
        in_flight = number % 2 == 1
        if in_flight:
            webhook.gate.clear()
        arrived, before = len(webhook.got), decided()
        process = start()
        calls(car)
        if in_flight:
            webhook.wait(arrived + 1)  # the receiver has it, the service does not know
        else:
            decided_more(before)
        process.kill()
        process.wait()
        webhook.gate.set()

    process = start()
    try:
        wait(lambda: len(house.alerts()) == len(cars), "every car has its alert")
        fired = {f"{row.id}.fired.duty" for row in house.alerts()}
        wait(lambda: fired <= {key for key, _ in webhook.got}, "every alert was told")
    finally:
        process.kill()
        process.wait()
    assert [row.subject for row in house.alerts()] == cars
    by_key = {key: body["message"] for key, body in webhook.got if ".fired." in key}
    assert set(by_key) == fired
    assert all(body["message"] == by_key[key] for key, body in webhook.got if key in by_key)
    assert len(set(by_key.values())) == len(cars)
    assert len([key for key, _ in webhook.got if key in by_key]) > len(cars), "no kill in flight made a repetition"
