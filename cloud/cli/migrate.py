"""`jieyue-cloud migrate`: bring the database to the newest schema."""

from __future__ import annotations

import argparse

from cloud.cli.shared import Commands, add, database
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "migrate", "bring the database to the newest schema and seed it from the site", run)


def run(settings: Settings, _clock: Clock, _arguments: argparse.Namespace) -> int:
    """Migrate."""
    with database(settings):
        return 0
