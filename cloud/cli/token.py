"""`jieyue-cloud token`: issue an API token."""

from __future__ import annotations

import argparse
import sys

from cloud.accounts.model import Role
from cloud.accounts.tokens import issue
from cloud.cli.shared import add, database
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "token", "issue an API token and print it once", run)
    parser.add_argument("name", metavar="NAME", help="who or what will use it")
    parser.add_argument("--role", type=Role, choices=list(Role), default=Role.VIEWER, help="what it may do (default viewer)")
    parser.add_argument("--group", metavar="G", help="code of the district that it is for (default: every district of this cloud)")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print the token as the last line."""
    with database(settings) as engine:
        group = None if arguments.group is None else chosen_group(engine, arguments.group)
        text = issue(engine, arguments.name, arguments.role, by="command line", at=clock.now_ms(), group=group)
    sys.stdout.write(text + "\n")
    return 0
