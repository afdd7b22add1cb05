"""`jieyue-cloud revoke`: withdraw API tokens."""

from __future__ import annotations

import argparse
import sys

from cloud.accounts.tokens import revoke
from cloud.cli.shared import add, database
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "revoke", "revoke all API tokens of a name at once", run)
    parser.add_argument("name", metavar="NAME", help="whose tokens")
    parser.add_argument("--group", metavar="G", help="only those for this district alone (default: all of that name)")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Revoke, and say how many.

    Raises:
        ValueError: There is none.
    """
    with database(settings) as engine:
        number = revoke(engine, arguments.name, by="command line", at=clock.now_ms(), group=arguments.group)
    if not number:
        where = "" if arguments.group is None else f" for the district {arguments.group}"
        raise ValueError(f"no valid token of {arguments.name!r}{where}")
    sys.stdout.write(f"{number} revoked\n")
    return 0
