"""`jieyue-cloud serve`: interface, pages and ingest in one process."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Collection
from contextlib import nullcontext

from cloud.app import Service, run_until_signalled
from cloud.cli.shared import add
from cloud.roles import ALL, Role
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.logs import warn_of_trial

_BACKLOG = 2048
"""Connections that may wait to be taken, as uvicorn has it."""
_ABOUT = (
    "Interface, pages and ingest in one process, until stopped. Before the first start migrate makes the database, and site apply enters "
    "the site. At a real site JIEYUE_DATA and the broker (JIEYUE_MQTT_...) are set too; docs/operating.md, Settings, has every variable."
)
SWITCH_SECONDS = 0.002
"""After so long the interface lets another thread go on that waits for its turn. What stores readings waits anew after each statement: with
Python's 5 ms a flood of requests kept it for seconds."""


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "serve", "interface, pages and ingest in one process, until stopped", run, _ABOUT)
    part = parser.add_mutually_exclusive_group()
    part.add_argument(
        "--role",
        action="append",
        choices=[role.value for role in Role],
        default=[],
        help="do this part only, several by giving it again; api, and ingest (stores a share of what gateways send), in any number; each "
        "other part is one process's at a time, and another waits to take over",
    )
    part.add_argument("--no-ingest", action="store_true", help="interface and pages only, as --role api; another process stores")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Serve until stopped.

    Raises:
        ValueError: One process was to be the leader and a worker.
    """
    roles = frozenset(map(Role, arguments.role)) or (frozenset({Role.API}) if arguments.no_ingest else ALL)
    if roles >= {Role.INGEST, Role.LEADER}:
        raise ValueError("--role: expected ingest or leader, got both; the leader stores what no worker takes")
    return run_service(settings, clock, roles)


def run_service(settings: Settings, clock: Clock, roles: Collection[Role]) -> int:
    """Do what is asked for, until stopped."""
    import uvloop  # noqa: PLC0415 (only the service needs it)

    sys.setswitchinterval(SWITCH_SECONDS)
    settings.mqtt_password()
    settings.mqtt_watch_password()
    settings.mqtt_tls()
    with listening(settings) if Role.API in roles else nullcontext() as taken:
        service = Service(settings, clock)
        service.listening = taken
        warn_of_trial(clock)
        uvloop.run(run_until_signalled(service, roles))
    return 0


def listening(settings: Settings) -> socket.socket:
    """The port of the interface, taken before anything else is opened.

    Raises:
        OSError: Somebody else has it, or this machine has no such address; the message says which.
    """
    family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
    try:
        return socket.create_server((settings.bind, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        where = f"{settings.bind}:{settings.port} (JIEYUE_BIND, JIEYUE_PORT)"
        number = error.errno or 0
        reason = os.strerror(number) if number > 0 else "unknown host"  # those of getaddrinfo are negative
        raise OSError(f"cannot listen on {where}: {reason}") from error
