"""`jieyue-edge read`: one device, once."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from contract.clock import Clock, iso
from contract.commandline import FAILED, Commands, Parser, fail
from contract.reading import Row
from contract.site import Device, Site
from edge.cli import PROGRAM
from edge.cli.shared import add, driver
from edge.settings import Settings, located
from protocols.base import DoubtingDriver, DriverError, PollingDriver

_ABOUT = "Read one device once and print its values as JSON; exit code 1 when it does not answer."


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "read", _ABOUT, run)
    parser.add_argument("device", metavar="DEVICE", help="device id, as in the site")


def run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print the values of a device as JSON; FAILED when it does not answer."""
    device = site.device_by_id.get(arguments.device)
    if device is None:
        return fail(PROGRAM, f"the site {site.id} has no device {arguments.device!r}")
    speaker = driver(located(site.bus_by_id[device.bus], settings), [device], clock)
    if not isinstance(speaker, PollingDriver):
        return fail(PROGRAM, f"{device.id}: devices on {site.bus_by_id[device.bus].protocol} speak by themselves and cannot be asked")
    try:
        row = asyncio.run(_read_once(speaker, device))
    except DriverError as error:
        return fail(PROGRAM, f"{device.id}: {error}", FAILED)
    shown = {"device": row.device, "at": iso(row.at), "values": row.values, "bad": row.bad}
    if isinstance(speaker, DoubtingDriver) and (doubtful := speaker.doubts(device, row)):
        shown["doubtful"] = doubtful
    sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return 0


async def _read_once(driver: PollingDriver[Device], device: Device) -> Row:
    try:
        return await driver.read(device)
    finally:
        await driver.close()
