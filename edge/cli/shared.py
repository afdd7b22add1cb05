"""What the commands of `jieyue-edge` have in common: how one is added, the buses of a gateway, a driver that keeps nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from contract.clock import Clock, clock_from_environment
from contract.commandline import Commands, Parser
from contract.site import Bus, Device, Site
from edge.settings import Settings, load_settings, located
from protocols.base import BusContext, Driver, driver_of

ONE_CONNECTION = "a broker that binds client ids to users lets in one of them at a time, so each bus needs a user of its own"
Run = Callable[[Settings, Site, Clock, argparse.Namespace], int]
"""Runs a command and returns its exit code; raises ValueError on bad input and OSError where the machine refuses."""


def add(commands: Commands[Parser], name: str, text: str, run: Run) -> Parser:
    """Add a command.

    Args:
        commands: Of the program.
        name: How it is called.
        text: What it does, in sentences; the first one stands in the list of commands.
        run: Runs it.
    """
    first = text.split(".", maxsplit=1)[0]
    parser = commands.add_parser(name, help=first[0].lower() + first[1:], description=text)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's configuration (YAML)")
    parser.set_defaults(run=partial(_as_configured, run))
    return parser


def _as_configured(run: Run, arguments: argparse.Namespace) -> int:
    """Run a command with the settings and the site that its configuration names."""
    settings, site = load_settings(arguments.config)
    return run(settings, site, clock_from_environment(), arguments)


def buses(settings: Settings, site: Site) -> list[Bus]:
    """The buses of the gateway, where it finds them."""
    return [located(b, settings) for b in site.buses if b.gateway == settings.gateway]


def driver(bus: Bus, devices: Sequence[Device], clock: Clock) -> Driver:
    """What speaks to the devices of a bus; nothing that it hears is kept, since it is for a technician's eyes."""
    return driver_of(bus.protocol)(BusContext(bus, devices, clock, _no_commit, lambda _: None))


async def _no_commit(_rows: object) -> None:
    """Nothing is kept."""
