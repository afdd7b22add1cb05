"""What was measured, committed and stored, and whether the three agree to the last reading."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import struct
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from cloud.telemetry.base import Telemetry
from contract import sparkplug
from edge.outbox.retention import unpack
from simulators.stack.stack import Stack
from tests.storm.site import GATEWAY, GROUP, POINT

Measured = tuple[str, str, int, float]
"""A reading with a value: device, point, time (ms), value."""
_APART = 25
"""Ms by which two clocks of one machine may differ: one is slewed by the time service, the other follows it every half minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A journal line about the register that tells answers apart."""

    number: int
    first_request: int
    answered: int


def journal(path: Path) -> dict[str, list[Answer]]:
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


def measured(device: str, body: bytes) -> set[Measured]:
    """The readings of a row that have a value."""
    found = sparkplug.readings(sparkplug.decode(body), device)
    return {(device, r.point, r.at, r.value) for r in found if r.value is not None}


def committed_in(path: Path) -> set[Measured]:
    """Every reading that lies in an outbox of which all was acknowledged."""
    rows = rows_in(path)
    assert all(acknowledged for _, _, acknowledged in rows)
    return {each for device, body, _ in rows for each in measured(device, body)}


def rows_in(path: Path) -> list[tuple[str, bytes, int]]:
    """Device, body and whether it was acknowledged, of each row of an outbox that has its date; packed ones were."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT device, body, acknowledged FROM row WHERE boot IS NULL").fetchall()
        packs = db.execute("SELECT body FROM pack").fetchall()
    return [*rows, *((row.device, row.body, 1) for (pack,) in packs for row in unpack(pack))]


def stored_of(telemetry: Telemetry, committed: set[Measured]) -> list[Measured]:
    """Every good reading in the store, of the series that the outbox knows."""
    found = []
    for device, point in sorted({(d, p) for d, p, _, _ in committed}):
        device_class = {GATEWAY: "gateway", "car-": "vehicle"}.get(device[:4], "electricity")
        series = telemetry.series(GROUP, device_class, device, point, 0, 4_000_000_000_000)
        found += [(device, point, reading.at, reading.value) for reading in series if reading.value is not None]
    return found


def said(stack: Stack) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """What vehicle terminals measured, and what of it was acknowledged to them: (device, at)."""
    lines = (stack.simulator_data(GATEWAY) / "said.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return {(e["device"], e["at"]) for e in entries}, {(e["device"], e["at"]) for e in entries if e["acknowledged"] is not None}


def emptied(outbox: Path) -> bool:
    """Whether all of an outbox was acknowledged; one that cannot be read was not."""
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(outbox)) as db:
        number: int = db.execute("SELECT count(*) FROM row WHERE acknowledged = 0").fetchone()[0]
        return number == 0
    return False


def differences(stored: list[Measured], committed: set[Measured], gone: set[Measured]) -> tuple[set[Measured], int, set[Measured]]:
    """What is lost, how much is stored twice, and what is stored and was never committed so.

    `gone` was destroyed on the gateway's disk. Of the gateway itself more may be stored than was committed: while its disk takes
    nothing, it shows the cloud how it is.
    """
    found = set(stored)
    return committed - gone - found, len(stored) - len(found), {each for each in found - committed if each[0] != GATEWAY}


def check_times(stack: Stack, stored: list[Measured]) -> dict[str, set[int]]:
    """Each stored reading is an answer of the journal, dated after its request and before the next one."""
    told = journal(stack.simulator_data(GATEWAY) / "journal.jsonl")
    by_number = {device: {answer.number: answer for answer in answers} for device, answers in told.items()}
    requests = {device: sorted(answer.first_request for answer in answers) for device, answers in told.items()}
    numbers: dict[str, set[int]] = defaultdict(set)
    for device, point, at, value in stored:
        if point != POINT:
            continue
        answer = by_number[device][int(value)]
        assert answer.answered <= at + _APART, f"{device}: dated before its answer"
        later = requests[device][bisect_right(requests[device], answer.answered) :][:1]
        assert not later or at <= later[0] + _APART, f"{device}: dated after the next request"
        numbers[device].add(int(value))
    return numbers


def check_gaps(stack: Stack, numbers: dict[str, set[int]], cycles: int, gone: set[Measured]) -> None:
    """What was answered and is not stored is at most so many poll cycles of each bus, and what was destroyed on the gateway's disk."""
    told = journal(stack.simulator_data(GATEWAY) / "journal.jsonl")
    for bus in stack.site.buses:
        if bus.protocol != "modbus":
            continue
        devices = [d.id for d in stack.site.devices if d.bus == bus.id]
        missing = sum(len({a.number for a in told[d]} - numbers[d]) for d in devices)
        allowed = len(devices) * cycles + len([each for each in gone if each[0] in devices and each[1] == POINT])
        assert missing <= allowed, f"{bus.id}: {missing} answers are missing; {allowed} may be"
