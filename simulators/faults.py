"""Faults of simulated devices, as data; and the file that says which are there, read by a running site and kept over its restart.

A fault is one entry of `CATALOGUE`. Those that change what a device shows do it here; those that change how it speaks (silent, slow,
exception, clock) are asked for by name where its protocol is spoken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from contract.decimals import decimal
from contract.site import Device
from protocols.modbus.device.server import EXCEPTION, SLOW
from protocols.stage import CLOCK, SILENT
from simulators.world import calendar, states
from simulators.world.calendar import HOUR_MS

STUCK, RESET = "stuck", "reset"
METERS = frozenset({"electricity", "water", "gas"})
COUNTING = METERS | {"elevator", "vehicle"}
ROOMS = frozenset({"hvac", "fresh_air", "meeting_room"})
MAIN_COUNTERS = ("energy_import", "volume", "odometer", "stops")
FILE = "faults.jsonl"
_OPEN, _CLOSED = 7, 20
"""Local hours between which the plant of an office may run."""
_STOP_EVERY_MS, _STOP_LASTS_MS = 60_000, 15_000
_MODBUS_EXCEPTIONS = frozenset({1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 11.0})
_FLOORS = frozenset(float(floor) for floor in range(1, 33))

Values = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Scene:
    """A device and, of an elevator, the floors of its house and those where its group lets it stop."""

    device: Device
    floors: int = 0
    allowed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Span:
    """One fault of one device from `start` until `end` (ms since 1970; None: it is still there)."""

    fault: str
    value: float
    start: int
    end: int | None = None

    def holds(self, at: int) -> bool:
        """Whether it is there at a time."""
        return self.start <= at and (self.end is None or at < self.end)


Shown = Callable[[Scene, Span, Values, int], Mapping[str, float]]
Added = Callable[[Scene, Span, int], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be wrong with a device.

    Attributes:
        name: As on the command line.
        about: What it changes, and what its value means.
        classes: Of devices that can have it; empty for all.
        protocols: Which they speak; empty for all.
        default: Its value where none is given.
        limits: Smallest and largest value.
        choices: The only values, where not all between the limits.
        shown: What points show while it is there, from what they would show.
        added: What counters have counted in excess until a time, which stays when the fault goes.
    """

    name: str
    about: str
    classes: frozenset[str] = frozenset()
    protocols: frozenset[str] = frozenset()
    default: float = 0.0
    limits: tuple[float, float] = (0.0, 0.0)
    choices: frozenset[float] = frozenset()
    shown: Shown | None = None
    added: Added | None = None

    def check(self, device: str, device_class: str, protocol: str, value: float | None) -> float:
        """The value, or the default one.

        Raises:
            ValueError: The device cannot have this fault, or not with this value.
        """
        if self.classes and device_class not in self.classes:
            raise ValueError(f"{self.name}: expected a device of {', '.join(sorted(self.classes))}; {device} is {device_class}")
        if self.protocols and protocol not in self.protocols:
            raise ValueError(f"{self.name}: expected a device on {', '.join(sorted(self.protocols))}; {device} is on {protocol}")
        if value is None:
            return self.default
        low, high = self.limits
        if self.choices and value not in self.choices:
            raise ValueError(f"{self.name}: expected one of {', '.join(f'{c:g}' for c in sorted(self.choices))}, got {value:g}")
        if not low <= value <= high:
            expected = "expected no value" if low == high else f"expected a value from {low:g} to {high:g}"
            raise ValueError(f"{self.name}: {expected}, got {value:g}")
        return value


def idle(at: int) -> bool:
    """Whether offices are closed."""
    return not calendar.is_workday(calendar.local_day(at)) or not _OPEN <= calendar.local_hour(at) < _CLOSED


def idle_hours(start: int, end: int) -> float:
    """Hours of [start, end) in which offices are closed."""
    closed = 0
    for day in range(calendar.local_day(start), calendar.local_day(end) + 1):
        midnight = calendar.day_start_ms(day)
        opened = (midnight + _OPEN * HOUR_MS, midnight + _CLOSED * HOUR_MS) if calendar.is_workday(day) else (midnight, midnight)
        for first, last in ((midnight, opened[0]), (opened[1], calendar.day_start_ms(day + 1))):
            closed += max(0, min(last, end) - max(first, start))
    return closed / HOUR_MS


def _warmer(_scene: Scene, span: Span, values: Values, _at: int) -> Mapping[str, float]:
    room = values.get("room_temperature")
    return {} if room is None else {"room_temperature": room + (span.value if span.fault == "hot" else -span.value)}


def _leaking(_scene: Scene, span: Span, values: Values, _at: int) -> Mapping[str, float]:
    return {"flow": (values.get("flow") or 0.0) + span.value}


def _leaked(_scene: Scene, span: Span, until: int) -> Mapping[str, float]:
    return {"volume": span.value * (until - span.start) / HOUR_MS}


def _jumped(scene: Scene, span: Span, _until: int) -> Mapping[str, float]:
    return {next((p for p in MAIN_COUNTERS if p in scene.device.model.points), MAIN_COUNTERS[0]): span.value}


def _running(scene: Scene, span: Span, values: Values, at: int) -> Mapping[str, float]:
    if not idle(at):
        return {}
    profile = scene.device.model
    if profile.device_class == "electricity":
        third = span.value * 1000.0 / 3
        volts = {phase: values.get(f"voltage_{phase}") or 230.0 for phase in "abc"}
        more = {f"power_{p}": third for p in "abc"} | {f"current_{p}": third / volts[p] for p in "abc"} | {"power": 3 * third}
        return {point: (values.get(point) or 0.0) + extra for point, extra in more.items()}
    return {
        "on": states.number(profile, "on", "on", "running", default=1.0),
        "fan_actual": states.number(profile, "fan_actual", "low", "on", default=1.0),
        "valve": states.number(profile, "valve", "open", default=1.0),
    }


def _ran(scene: Scene, span: Span, until: int) -> Mapping[str, float]:
    return {"energy_import": span.value * idle_hours(span.start, until)} if scene.device.model.device_class == "electricity" else {}


def _wrong_floor(scene: Scene, span: Span) -> int:
    """The floor asked for, else the lowest of the house at which the car must not stop."""
    return int(span.value) or next((f for f in range(1, scene.floors + 1) if f not in scene.allowed), scene.floors)


def _stopping(scene: Scene, span: Span, _values: Values, at: int) -> Mapping[str, float]:
    floor = float(_wrong_floor(scene, span))
    standing = (at - span.start) % _STOP_EVERY_MS < _STOP_LASTS_MS
    return {"last_stop": floor} | ({"floor": floor, "direction": 0.0} if standing else {})


def _stopped(scene: Scene, span: Span, until: int) -> Mapping[str, float]:
    times = float((until - span.start) // _STOP_EVERY_MS + 1)
    return {"stops": times, f"stops_{_wrong_floor(scene, span):02d}": times}


def _speeding(_scene: Scene, span: Span, _values: Values, _at: int) -> Mapping[str, float]:
    return {"speed": span.value, "ignition": 1.0, "status": 3.0}


def _calling(_scene: Scene, _span: Span, values: Values, _at: int) -> Mapping[str, float]:
    return {"alarms": float(int(values.get("alarms") or 0.0) | 1), "emergency_alarm": 1.0}


CATALOGUE: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(SILENT, "does not answer, or says nothing"),
        Fault(SLOW, "answers late by VALUE s", protocols=frozenset({"modbus"}), default=5.0, limits=(0.001, 3600.0)),
        Fault(
            EXCEPTION,
            "refuses with Modbus exception VALUE",
            protocols=frozenset({"modbus"}),
            default=4.0,
            limits=(1.0, 11.0),
            choices=_MODBUS_EXCEPTIONS,
        ),
        Fault(STUCK, "counters stand still; what is used meanwhile is never counted", COUNTING),
        Fault(RESET, "counters start again at 0", COUNTING),
        Fault("jump", "the main counter jumps by VALUE of its unit", COUNTING, default=1000.0, limits=(-1e6, 1e6), added=_jumped),
        Fault(
            "leak",
            "water or gas that never rests: VALUE m3/h more, at this meter and not at those above it",
            frozenset({"water", "gas"}),
            default=0.5,
            limits=(0.001, 1000.0),
            shown=_leaking,
            added=_leaked,
        ),
        Fault("hot", "the room is VALUE K too warm", ROOMS, default=6.0, limits=(0.1, 40.0), shown=_warmer),
        Fault("cold", "the room is VALUE K too cold", ROOMS, default=6.0, limits=(0.1, 40.0), shown=_warmer),
        Fault(
            "after_hours",
            "plant runs while offices are closed; a meter then counts VALUE kW more",
            frozenset({"electricity", "hvac", "fresh_air"}),
            default=20.0,
            limits=(0.1, 5000.0),
            shown=_running,
            added=_ran,
        ),
        Fault(
            "wrong_stop",
            "stops each minute at floor VALUE; by default at the lowest where it must not",
            frozenset({"elevator"}),
            limits=(1.0, 32.0),
            choices=_FLOORS,
            shown=_stopping,
            added=_stopped,
        ),
        Fault("overspeed", "drives at VALUE km/h", frozenset({"vehicle"}), default=140.0, limits=(1.0, 300.0), shown=_speeding),
        Fault("sos", "the driver calls for help (JT/T 808 alarm bit 0)", frozenset({"vehicle"}), shown=_calling),
        Fault(
            CLOCK,
            "its clock is VALUE s ahead, behind when negative",
            protocols=frozenset({"mqtt", "jt808"}),
            default=3600.0,
            limits=(-1e9, 1e9),
        ),
    )
}
"""Every fault by name; a new one is one entry."""


class Faults:
    """The file of faults: a JSON line for each that came or went, `{"at", "device", "fault", "value"}`; value null when it went."""

    def __init__(self, path: Path | None = None) -> None:
        """Without a file no device has any."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._spans: dict[str, list[Span]] = {}

    def of(self, device: str) -> list[Span]:
        """Every fault that a device has or had, in the order in which they came.

        Raises:
            ValueError: A line of the file is none; the message has file and line.
        """
        if self._path is not None:
            self._look(self._path)
        return self._spans.get(device, [])

    def active(self, device: str, fault: str, at: int) -> float | None:
        """The value of a fault that is there at a time (ms since 1970); None without it."""
        return next((s.value for s in self.of(device) if s.fault == fault and s.holds(at)), None)

    def all_active(self) -> dict[str, list[Span]]:
        """What is there now, by device."""
        self.of("")
        found = {device: [s for s in spans if s.end is None] for device, spans in sorted(self._spans.items())}
        return {device: spans for device, spans in found.items() if spans}

    def _look(self, path: Path) -> None:
        try:
            stat = path.stat()
        except FileNotFoundError:
            self._spans, self._stamp = {}, None
            return
        if (stat.st_mtime_ns, stat.st_size) == self._stamp:
            return
        self._stamp, self._spans = (stat.st_mtime_ns, stat.st_size), {}
        lines = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines[:-1], start=1):  # what follows the last line end is still being written
            try:
                row = json.loads(line)
                value = None if row["value"] is None else float(row["value"])
                self._change(str(row["device"]), str(row["fault"]), value, int(row["at"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f'{path}:{number}: expected {{"at", "device", "fault", "value"}}, got {line[:80]!r}') from error

    def _change(self, device: str, fault: str, value: float | None, at: int) -> None:
        if fault not in CATALOGUE:
            raise KeyError(fault)
        spans = self._spans.setdefault(device, [])
        spans[:] = [replace(s, end=max(at, s.start)) if s.fault == fault and s.end is None else s for s in spans]
        if value is not None:
            spans.append(Span(fault, value, at))

    def set(self, device: str, fault: str, value: float, at: int) -> None:
        """A fault comes, or its value changes."""
        self._add(device, fault, value, at)

    def clear(self, device: str, fault: str | None, at: int) -> list[str]:
        """A fault of a device goes, or all of them; returns which were there."""
        gone = [s.fault for s in self.of(device) if s.end is None and fault in {None, s.fault}]
        for name in gone:
            self._add(device, name, None, at)
        return gone

    def _add(self, device: str, fault: str, value: float | None, at: int) -> None:
        if self._path is None:
            self._change(device, fault, value, at)
            return
        line = json.dumps({"at": at, "device": device, "fault": fault, "value": value})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def parsed(text: str) -> float:
    """A fault's value.

    Raises:
        ValueError: Not a number.
    """
    try:
        return float(decimal(text))
    except ValueError as error:
        raise ValueError(f"value: {error}") from error
