"""`jieyue-edge check`: whether a gateway could run as it is configured."""

from __future__ import annotations

import argparse
import sys

from contract.clock import Clock, iso
from contract.commandline import Commands, Parser
from contract.site import Site
from contract.timeservice import kernel_synchronised
from contract.wiring import unlike_settings
from edge.cli.shared import ONE_CONNECTION, add, buses
from edge.settings import Settings, check_files, shared_users
from edge.timekeeping import how

_ABOUT = (
    "Check the configuration, its site, its password files and whether the outbox may be written, and say whether rows would wait "
    "for this machine's clock; nothing is made, asked or sent."
)
_TRIAL = "the clock is a trial's (JIEYUE_NOW, JIEYUE_SPEED)"


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "check", _ABOUT, run)


def run(settings: Settings, site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print how many devices and points there are, and what is worth a look."""
    check_files(settings, arguments.config)
    devices = site.gateway_devices(settings.gateway)
    points = sum(len(d.model.points) for d in devices)
    sys.stdout.write(f"{settings.gateway}: {len(devices)} devices, {points} points, no fault found\n")
    mine = {bus.id for bus in buses(settings, site) if bus.serial_line}
    for unlike in unlike_settings(site):
        if unlike.bus.id in mine:
            sys.stdout.write(f"{unlike.bus.id}: {unlike.field} is {unlike.asked}, not {unlike}; right if the devices are set to it\n")
    for bus, user in shared_users(settings, site):
        sys.stdout.write(f"{bus}: another connection of this gateway is {user} too; {ONE_CONNECTION}\n")
    if said := _of_clock(settings, clock):
        sys.stdout.write(f"{settings.gateway}: {said}\n")
    return 0


def _of_clock(settings: Settings, clock: Clock) -> str | None:
    """What is to be said of the time that rows would get; None where they would get the machine's."""
    if settings.clock == "trusted":
        return f"{_TRIAL} and trusted, so rows would be dated {iso(clock.now_ms())}" if clock.trial else None
    if clock.trial:
        return f"{_TRIAL}, so rows would wait for the machine's: {how(clock)}"
    return None if kernel_synchronised() else f"this machine's clock is not synchronised, so rows would wait for it: {how(clock)}"
