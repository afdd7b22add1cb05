"""`jieyue-edge schedule`: what schedules want of each point, until when, and why."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from contract.clock import SHANGHAI, Clock
from contract.commandline import Commands, Parser, at, fail
from contract.point import POINTS
from contract.scheduling import Source, chosen
from contract.site import Device, Site
from contract.units import Unit
from edge.cli import PROGRAM
from edge.cli.shared import add
from edge.settings import Settings

_ABOUT = (
    "Print what each point of the gateway's devices that has a schedule should have at a moment, until when, and why. No device is asked "
    "and nothing is written."
)
_WHY = {Source.EXCEPTION: "exception", Source.WEEKLY: "weekly part", Source.DEFAULT: "default"}


class Line(NamedTuple):
    """What is wanted of one point; times are local, and what is not said is None."""

    device: str
    point: str
    value: float | None
    name: str | None
    source: int
    schedule: str | None
    reason: str | None
    until: str | None

    def text(self) -> str:
        """For a person."""
        until = "" if self.until is None else f" until {self.until}"
        if self.schedule is None:
            return f"{self.device} {self.point}: nothing{until}"
        unit = POINTS[self.point].unit
        told = f" ({self.name})" if self.name is not None else "" if unit is Unit.NONE else f" {unit}"
        reason = "" if self.reason is None else f" ({self.reason})"
        return f"{self.device} {self.point}: {self.value:g}{told}, {_WHY[Source(self.source)]} of {self.schedule}{reason}{until}"


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "schedule", _ABOUT, run)
    parser.add_argument("device", nargs="*", metavar="DEVICE", help="only these devices (default all of the gateway)")
    parser.add_argument("--at", type=at, metavar="TIME", help="when, such as 2026-10-01T08:00:00+08:00 (default now)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print a line a point."""
    devices = {device.id: device for device in site.gateway_devices(settings.gateway)}
    for name in arguments.device:
        if name not in devices:
            return fail(PROGRAM, f"DEVICE: expected a device of {settings.gateway}, got {name!r}")
    when = clock.now_ms() if arguments.at is None else arguments.at
    asked = [devices[name] for name in arguments.device or devices]
    lines = [line for device in asked for line in _lines(site, device, when)]
    if arguments.json:
        sys.stdout.write(json.dumps([line._asdict() for line in lines], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line.text()}\n" for line in lines)
        sys.stdout.write("" if lines else "no schedule says anything of these devices\n")
    return 0


def _lines(site: Site, device: Device, when: int) -> Iterator[Line]:
    points = {point for schedule in site.schedules if device.id in schedule.devices for point in schedule.points}
    for point in sorted(points):
        schedule, said = chosen(site, device.id, point, when)
        exception = schedule.exception_on(_local(when).date()) if schedule is not None else None
        states = device.model.points[point].values or {}
        yield Line(
            device=device.id,
            point=point,
            value=said.value,
            name=None if said.value is None else states.get(int(said.value)),
            source=said.source,
            schedule=None if schedule is None else schedule.id,
            reason=None if exception is None else exception.reason,
            until=None if said.until is None else _local(said.until).isoformat(timespec="seconds"),
        )


def _local(moment: int) -> datetime:
    return datetime.fromtimestamp(moment / 1000, SHANGHAI)
