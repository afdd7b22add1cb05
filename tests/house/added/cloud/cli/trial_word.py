"""A command of the service as somebody would add it."""

from __future__ import annotations

import argparse
import sys

from cloud.cli.shared import add
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "trial-word", "say a word", run).add_argument("word", metavar="WORD", help="which one")


def run(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Say it, and on which port the interface is."""
    sys.stdout.write(f"{arguments.word} {settings.port}\n")
    return 0
