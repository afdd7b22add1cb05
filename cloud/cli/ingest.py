"""`jieyue-cloud ingest`: store what gateways send, without an interface."""

from __future__ import annotations

import argparse

from cloud.cli.serve import run_service
from cloud.cli.shared import add
from cloud.roles import ALL, Role
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "ingest", "store what gateways send, without an interface, until stopped", run)


def run(settings: Settings, clock: Clock, _arguments: argparse.Namespace) -> int:
    """Store until stopped."""
    return run_service(settings, clock, ALL - {Role.API})
