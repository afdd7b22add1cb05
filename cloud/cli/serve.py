"""`jieyue-cloud serve`: interface, pages and ingest in one process."""

from __future__ import annotations

import argparse

from cloud.app import Service, run_until_signalled
from cloud.cli.shared import Commands, add
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "serve", "interface, pages and ingest in one process, until stopped", run)
    parser.add_argument("--no-ingest", action="store_true", help="interface and pages only; another process stores")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    return run_service(settings, clock, serve=True, ingest=not arguments.no_ingest)


def run_service(settings: Settings, clock: Clock, *, serve: bool, ingest: bool) -> int:
    """Run the parts that are asked for, until stopped."""
    import uvloop  # noqa: PLC0415 (only the service needs it)

    settings.mqtt_password()
    service = Service(settings, clock)
    uvloop.run(run_until_signalled(service, serve=serve, ingest=ingest))
    return 0
