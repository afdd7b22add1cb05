"""A command of a gateway as somebody would add it."""

from __future__ import annotations

import argparse
import sys

from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.site import Site
from edge.cli.shared import add
from edge.settings import Settings


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "trial-word", "Say whose gateway it is.", run)


def run(settings: Settings, site: Site, _clock: Clock, _arguments: argparse.Namespace) -> int:
    """Say its name and its site."""
    sys.stdout.write(f"{settings.gateway} of {site.id}\n")
    return 0
