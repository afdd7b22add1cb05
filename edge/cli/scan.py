"""`jieyue-edge scan`: who answers on the gateway's buses."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from itertools import count
from os.path import realpath

from contract.clock import Clock
from contract.commandline import FAILED, Commands, Parser, fail, seconds, units
from contract.site import Bus, Site
from edge.cli import PROGRAM
from edge.cli.shared import add, buses, driver
from edge.scan import Scanned, as_json, lines, planned, scan
from edge.settings import Settings
from protocols.base import PollingDriver, ScanningDriver

_ABOUT = (
    "Ask which addresses of the gateway's buses answer, such as Modbus unit ids, and what they look like. Stop the gateway first: "
    "a line has one master. Exit code 1 when a configured device does not answer."
)
_TELL_EVERY = 50
"""Addresses between two lines of progress."""


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "scan", _ABOUT, run)
    parser.add_argument("--bus", action="append", metavar="ID", help="only this bus; may be given several times (default all)")
    parser.add_argument(
        "--units", type=units, metavar="LIST", help="unit ids such as 1-40 or 1,3,7-9 (default 1-247, and those of the site)"
    )
    parser.add_argument(
        "--wait", type=seconds, default=0.5, metavar="S", help="seconds to wait for ids that the site does not have (default 0.5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print what answers; FAILED when a configured device does not."""
    there = buses(settings, site)
    known = [b.id for b in there]
    for name in arguments.bus or []:
        if name not in known:
            return fail(PROGRAM, f"--bus: expected one of {', '.join(known)}, got {name!r}")
    chosen = [b for b in there if b.id in (arguments.bus or known)]
    scanned = asyncio.run(_scan_all(site, chosen, clock, arguments))
    if arguments.json:
        sys.stdout.write(json.dumps([as_json(s) for s in scanned], ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(line + "\n" for s in scanned for line in lines(s))
    return 0 if all(s.complete for s in scanned if s.askable) else FAILED


async def _scan_all(site: Site, buses: Sequence[Bus], clock: Clock, arguments: argparse.Namespace) -> list[Scanned]:
    """All buses side by side, each with one request in flight; those of one serial port one after the other."""

    async def one(bus: Bus) -> Scanned:
        devices = [d for d in site.devices if d.bus == bus.id]
        speaker = driver(bus, devices, clock)
        if not isinstance(speaker, PollingDriver):
            return Scanned(bus, reason=f"cannot be scanned: devices on {bus.protocol} speak by themselves", askable=False)
        addresses = planned(bus, devices, speaker, arguments.units)
        if isinstance(speaker, ScanningDriver):
            longest = len(addresses) * arguments.wait
            asking = f"{len(addresses)} {speaker.called[1]}, at most about {longest:.0f} s for the silent ones"
            sys.stderr.write(f"{bus.id}: asking {asking}\n")
        counted = count(1)

        def asked() -> None:
            number = next(counted)
            if number % _TELL_EVERY == 0:
                sys.stderr.write(f"{bus.id}: {number} of {len(addresses)}\n")

        try:
            return await scan(bus, devices, speaker, addresses, arguments.wait, asked)
        finally:
            await speaker.close()

    async def in_turn(there: Sequence[Bus]) -> list[Scanned]:
        return [await one(bus) for bus in there]

    found = {scanned.bus.id: scanned for port in await asyncio.gather(*map(in_turn, by_port(buses))) for scanned in port}
    return [found[bus.id] for bus in buses]


def by_port(buses: Sequence[Bus]) -> list[list[Bus]]:
    """Buses that end at one serial port together; only one of them can have it open."""
    ports: dict[str, list[Bus]] = {}
    for bus in buses:
        end = bus.end()
        serial = end is not None and end.kind == "serial" and end.known
        ports.setdefault(realpath(end.place) if end is not None and serial else bus.id, []).append(bus)
    return list(ports.values())
