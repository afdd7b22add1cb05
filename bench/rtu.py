"""Eleven thermostats on a serial line of 9600 baud: how much of its time is used, and what late answers cost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import figures, site
from contract import sparkplug
from contract.clock import Clock
from contract.profile import load_profile
from contract.reading import Reading
from protocols.modbus.model import Point
from simulators.paced_line import BITS, Asked, PacedLine
from simulators.stack.stack import Stack

PROFILE = "hvac/beca-bac-002aln"
THERMOSTATS = 11
BAUD = 9600
_GAP = 3.5
"""Characters of silence between two frames."""
_INTERVAL = 0.2
"""Seconds; less than a cycle takes, so that the line is never left alone."""
_WARM, _SECONDS = 10.0, 60.0
_LATE, _LATE_BY = 0.2, 1.5
"""Share of the answers, and time-outs after which they begin."""


def run(folder: Path) -> None:
    """The real gateway on a paced pseudo-terminal, first with answers at once, then with a fifth of them late."""
    whole = _measured(folder / "at-once", 0.0, 0.0)
    used = sum(a.characters + _GAP for a in whole.asked) * BITS / BAUD / whole.seconds
    what = f"{THERMOSTATS} thermostats on one serial line of {BAUD} baud, every register in one request, slaves answer at once"
    figures.tell("rtu.line", used, "of the line's time", f"{what}; one silence of 3.5 characters a request counted as used")
    figures.tell("rtu.polls", len(whole.asked) / whole.seconds, "polls/s", what)
    _tell(whole, "rtu", what)
    late = _measured(folder / "late", _LATE, _LATE_BY * load_profile(PROFILE).timeout)
    what = f"{what}, but {_LATE:.0%} of them {_LATE_BY:g} time-outs later"
    figures.tell("rtu.late.polls", len(late.asked) / late.seconds, "polls/s", what)
    _tell(late, "rtu.late", what)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the line was asked in the time that counts, and what the outbox has of it."""

    seconds: float
    asked: Sequence[Asked]
    rows: Sequence[tuple[str, list[Reading]]]
    every: Sequence[Asked]


def registers(unit: int, number: int, count: int) -> list[int]:
    """What a thermostat holds when it is asked for the n-th time: plausible, and different each time."""
    held = [
        unit,
        number & 0x7FFF,
        number >> 15,
        200 + number % 100,
        number * 7919 & 0xFFFF,
        0,
        0,
        0,
        200 + number % 97,
        unit,
        number & 0x7FFF,
    ]
    return held[:count]


def _measured(folder: Path, late: float, by: float) -> _Measured:
    units = range(1, THERMOSTATS + 1)
    with PacedLine(units, registers, BAUD, late=late, by=by) as line:
        bus = {"id": "line", "gateway": "gw", "protocol": "modbus", "framing": "rtu", "serial_port": line.port, "baud": BAUD}
        devices = [{"id": f"t{u}", "profile": PROFILE, "bus": "line", "unit_id": u, "interval": _INTERVAL} for u in units]
        stack = Stack(site.write(folder / "site", ["gw"], [bus], devices, metered=False), folder / "data", Clock())
        try:
            stack.start_edge("gw", {})
            stack.processes.wait_for("gw", lambda: bool(line.asked), seconds=20)
            time.sleep(_WARM)
            begins, first = time.time(), len(line.asked)
            time.sleep(_SECONDS)
            ends, last = time.time(), len(line.asked)
        finally:
            stack.processes.stop()
        rows = _rows(stack.data / "edge" / "gw" / "outbox.db", begins, ends)
        return _Measured(ends - begins, line.asked[first:last], rows, list(line.asked))


def _rows(outbox: Path, begins: float, ends: float) -> list[tuple[str, list[Reading]]]:
    with sqlite3.connect(outbox) as db:
        found = db.execute("SELECT device, body FROM row WHERE device <> 'gw' ORDER BY seq").fetchall()
    db.close()
    rows = [(str(device), list(sparkplug.readings(sparkplug.decode(body), device))) for device, body in found]
    return [(device, readings) for device, readings in rows if readings and begins * 1000 <= readings[0].at <= ends * 1000]


def _tell(measured: _Measured, name: str, what: str) -> None:
    good = [(device, readings) for device, readings in measured.rows if any(r.value is not None for r in readings)]
    points = sum(r.value is not None for _, readings in good for r in readings)
    wrong = sum(_wrong(int(device[1:]), readings, measured.every) for device, readings in good)
    polls = max(len(measured.rows), len([a for a in measured.asked if a.count == len(registers(0, 0, 99))]))
    figures.tell(f"{name}.wrong", wrong, f"of {points} values", what)
    figures.tell(f"{name}.missing", max(0.0, 1 - len(good) / polls), "of the polls", what)


def _wrong(unit: int, readings: Sequence[Reading], every: Sequence[Asked]) -> int:
    """Values of a row that are not what the thermostat held when it was asked for the last time before the row."""
    at = readings[0].at / 1000
    last = max((a for a in every if a.unit == unit and a.at <= at), key=lambda a: a.number)
    held = registers(unit, last.number, 99)
    model = load_profile(PROFILE)
    right = {p: held[m.address or 0] * float(m.scale) for p, m in model.points.items() if isinstance(m, Point)}
    return sum(r.value is not None and abs(r.value - right[r.point]) > 1e-6 for r in readings)  # noqa: PLR2004 (a tenth divided by ten)
