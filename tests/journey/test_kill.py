"""Edge, broker and cloud are killed again and again; every reading that was committed is in the store, once, as it was."""

from __future__ import annotations

import json
import sqlite3
import struct
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cloud.telemetry.base import Telemetry
from cloud.telemetry.open import open_telemetry
from contract import sparkplug
from contract.clock import Clock
from simulators.stack.chaos import kill_and_restart
from simulators.stack.stack import Stack

Eventually = Callable[..., Any]
KILLS = 32
GROUP, POINT = "510802", "energy_import"
POLL = 0.4
EARLY_ACK = Path(__file__).with_name("early_ack.py")


def _name(text: str) -> dict[str, str]:
    return {"zh": text, "en": text}


def _site(folder: Path) -> Path:
    """Three buses, one of them RTU over TCP, with three meters each, and three cars that call in."""
    buses = [
        {"id": "b1", "gateway": "gw-1", "protocol": "modbus"},
        {"id": "b2", "gateway": "gw-1", "protocol": "modbus"},
        {"id": "b3", "gateway": "gw-1", "protocol": "modbus", "framing": "rtu_over_tcp"},
    ]
    devices = [
        {
            "id": f"{bus['id']}-m{unit}",
            "name": _name("m"),
            "profile": "electricity/chint-dtsu666",
            "bus": bus["id"],
            "unit_id": unit,
            "interval": POLL,
        }
        for bus in buses
        for unit in (1, 2, 3)
    ]
    cars = [
        {
            "id": f"car-{number}",
            "name": _name("car"),
            "profile": "vehicle/jtt808-terminal",
            "bus": "cars",
            "phone": f"{13000000000 + number:012d}",
            "interval": 1,
            "vehicle": {"plate": f"川H{number:05d}", "kind": "sedan", "unit": "u1", "protocol_year": 2013},
        }
        for number in range(3)
    ]
    meters = [
        {"id": d["id"], "name": _name("m"), "energy": "electricity", "device": d["id"], "point": POINT, "main": True, "compound": "c1"}
        for d in devices
    ]
    site = {
        "id": "kill",
        "name": _name("kill"),
        "group": GROUP,
        "latitude": 32.4,
        "longitude": 105.8,
        "compounds": [{"id": "c1", "name": _name("c"), "buildings": [{"id": "h", "name": _name("h"), "floors": 3, "area": 900}]}],
        "units": [{"id": "u1", "name": _name("u"), "compound": "c1", "headcount": 10, "area": 900}],
        "gateways": [{"id": "gw-1"}],
        "buses": [*buses, {"id": "cars", "gateway": "gw-1", "protocol": "jt808"}],
        "devices": [*devices, *cars],
        "meters": meters,
    }
    folder.mkdir()
    (folder / "site.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Answer:
    """A journal line about the register that tells answers apart."""

    number: int
    first_request: int
    answered: int


def _journal(path: Path) -> dict[str, list[Answer]]:
    """By device: each answer that held the counter, with the first request of its poll.

    A poll of this profile has two requests, the counter's block first.
    """
    found: dict[str, list[Answer]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["address"] == 0x101E and not entry["exception"]:
            words = entry["values"]
            raw = (words[0] << 16 | words[1]).to_bytes(4, "big")
            number = int(struct.unpack(">f", raw)[0])
            found[entry["device"]].append(Answer(number, entry["requested"], entry["answered"]))
    return found


def _outbox(path: Path) -> set[tuple[str, str, int, float]]:
    """Every reading that the gateway ever committed: (device, point, at, value)."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT device, body FROM row").fetchall()
    assert db.execute("SELECT count(*) FROM pack").fetchone() == (0,)
    assert db.execute("SELECT count(*) FROM row WHERE acknowledged = 0").fetchone() == (0,)
    db.close()
    return {
        (device, r.point, r.at, r.value)
        for device, body in rows
        for r in sparkplug.readings(sparkplug.decode(body), device)
        if r.value is not None
    }


def _store(telemetry: Telemetry, committed: set[tuple[str, str, int, float]]) -> list[tuple[str, str, int, float]]:
    """Every good reading in the store, of the series that the outbox knows."""
    found = []
    for device, point in sorted({(d, p) for d, p, _, _ in committed}):
        device_class = {"gw-1": "gateway", "car-": "vehicle"}.get(device[:4], "electricity")
        series = telemetry.series(GROUP, device_class, device, point, 0, 4_000_000_000_000)
        found += [(device, point, reading.at, reading.value) for reading in series if reading.value is not None]
    return found


def _run(stack: Stack, eventually: Eventually, seed: int, kills: int, start_cloud: Callable[[], None]) -> dict[str, int]:
    """Run the site through the kills, then let it come to rest: sources stop, everything committed is acknowledged."""
    endpoints = stack.start_simulators("--counting")
    stack.start_broker()
    start_cloud()
    stack.start_edge("gw-1", endpoints)
    outbox = stack.data / "edge" / "gw-1" / "outbox.db"
    eventually(outbox.exists)
    restart: dict[str, Callable[[], None]] = {
        "broker": stack.start_broker,
        "cloud": start_cloud,
        "gw-1": partial(stack.start_edge, "gw-1", endpoints),
    }
    done = kill_and_restart(stack.processes, restart, kills=kills, seed=seed)
    measured, _ = _said(stack)
    eventually(lambda: measured <= _said(stack)[1], seconds=90)
    return dict(done)


def _said(stack: Stack) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """What vehicle terminals measured, and what of it was acknowledged to them: (device, at)."""
    lines = (stack.simulator_data("gw-1") / "said.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return {(e["device"], e["at"]) for e in entries}, {(e["device"], e["at"]) for e in entries if e["acknowledged"] is not None}


def _pending(outbox: Path) -> int:
    db = sqlite3.connect(outbox)
    number: int = db.execute("SELECT count(*) FROM row WHERE acknowledged = 0").fetchone()[0]
    db.close()
    return number


def _settle(stack: Stack, eventually: Eventually) -> Path:
    outbox = stack.data / "edge" / "gw-1" / "outbox.db"
    stack.processes.stop("gw-1")
    stack.start_edge("gw-1", {}, buses={}, site=str(_silent(stack)))
    eventually(lambda: _pending(outbox) == 0, seconds=90)
    stack.processes.stop("gw-1")
    return outbox


def _silent(stack: Stack) -> Path:
    """The same site without devices: the gateway only empties its outbox."""
    site = yaml.safe_load((stack.folder / "site.yaml").read_text(encoding="utf-8"))
    site["devices"], site["meters"], site["buses"] = [], [], []
    folder = stack.data / "silent"
    folder.mkdir(exist_ok=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(site), encoding="utf-8")
    return folder


def _lost(stack: Stack, outbox: Path, telemetry: Telemetry) -> set[tuple[str, str, int, float]]:
    committed = _outbox(outbox)
    stored = _store(telemetry, committed)
    assert len(stored) == len(set(stored)), "a reading is stored twice"
    assert len(committed) > 1000
    extra = set(stored) - committed
    assert not {e for e in extra if e[0] != "gw-1"}, f"{stack.site.id}: stored but never committed"
    return committed - set(stored)


def _check_times(stack: Stack, stored: list[tuple[str, str, int, float]]) -> dict[str, set[int]]:
    """Promise (b): each stored reading is an answer of the journal, dated after its request and before the next one."""
    journal = _journal(stack.simulator_data("gw-1") / "journal.jsonl")
    numbers: dict[str, set[int]] = defaultdict(set)
    for device, point, at, value in stored:
        if point != POINT:
            continue
        answers = {a.number: a for a in journal[device]}
        answer = answers[int(value)]
        assert answer.answered <= at, f"{device}: dated before its answer"
        later = [a.first_request for a in journal[device] if a.first_request > answer.answered]
        assert not later or at <= min(later), f"{device}: dated after the next request"
        numbers[device].add(int(value))
    return numbers


def _check_gaps(stack: Stack, numbers: dict[str, set[int]], edge_kills: int) -> None:
    """Promise (c): what was answered and is not stored is at most one poll cycle per bus and kill of the gateway."""
    journal = _journal(stack.simulator_data("gw-1") / "journal.jsonl")
    for bus in stack.site.buses:
        if bus.protocol != "modbus":
            continue
        devices = [d.id for d in stack.site.devices if d.bus == bus.id]
        missing = sum(len({a.number for a in journal[d]} - numbers[d]) for d in devices)
        assert missing <= len(devices) * (edge_kills + 2), f"{bus.id}: {missing} answers are missing after {edge_kills} kills"


@pytest.fixture
def killing(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes a stack for the kill test and leaves nothing behind."""
    made: list[Stack] = []

    def make(**environment: str) -> Stack:
        made.append(Stack(_site(tmp_path / "site"), tmp_path / "data", Clock(), environment=environment))
        return made[-1]

    yield make
    for stack in made:
        stack.processes.stop()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("store", ["sqlite", "influx"])
def test_nothing_committed_is_lost_or_doubled(
    store: str, killing: Callable[..., Stack], eventually: Eventually, request: pytest.FixtureRequest
) -> None:
    """After 32 kills the store holds each committed reading once, with its value and the time of its poll."""
    environment = {} if store == "sqlite" else {"JIEYUE_TELEMETRY": request.getfixturevalue("influx_address")}
    stack = killing(**environment)
    done = _run(stack, eventually, seed=7, kills=KILLS, start_cloud=stack.start_cloud)
    outbox = _settle(stack, eventually)
    stack.processes.stop("cloud")
    telemetry = open_telemetry(environment.get("JIEYUE_TELEMETRY", f"sqlite:///{stack.data / 'cloud' / 'telemetry.db'}"))
    assert _lost(stack, outbox, telemetry) == set()
    stored = _store(telemetry, _outbox(outbox))
    numbers = _check_times(stack, stored)
    _check_gaps(stack, numbers, done["gw-1"])
    acknowledged = _said(stack)[1]
    assert len(acknowledged) > 30
    assert acknowledged <= {(device, at) for device, point, at, _ in stored if point == "odometer"}, "a car's fix was acknowledged and lost"
    telemetry.close()
    assert sum(done.values()) >= 30
    sys.stdout.write(f"{store}: kills {done}, {sum(map(len, numbers.values()))} polls stored\n")


@pytest.mark.timeout(300)
def test_an_acknowledgement_before_the_commit_is_found_out(killing: Callable[..., Stack], eventually: Eventually) -> None:
    """The test of the test: a cloud that acknowledges first and commits later loses readings, and this check sees it."""
    stack = killing()

    def start_wrong_cloud() -> None:
        stack.processes.start("cloud", [sys.executable, str(EARLY_ACK), "serve"], stack.cloud_environment())

    _run(stack, eventually, seed=11, kills=12, start_cloud=start_wrong_cloud)
    outbox = _settle(stack, eventually)
    stack.processes.stop("cloud")
    telemetry = open_telemetry(f"sqlite:///{stack.data / 'cloud' / 'telemetry.db'}")
    assert _lost(stack, outbox, telemetry) != set()
    telemetry.close()
