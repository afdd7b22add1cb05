"""`jieyue-cloud targets`: how the yearly targets stand."""

from __future__ import annotations

import argparse
import sys

import sqlalchemy as sa

from cloud.cli.shared import add, add_group, database, day, year
from cloud.indicators import rollups
from cloud.indicators.figures import targets_of
from cloud.indicators.model import Targets
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger.periods import as_of, year_of
from cloud.opening import chosen_group
from cloud.organisations.tree import ORGANISATION
from cloud.printed import table
from cloud.settings import Settings, command_clock
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "targets", "print how the yearly targets stand, as /api/v1/targets answers", run)
    parser.add_argument("--year", type=year, metavar="Y", help="year of the targets (default that of the day)")
    parser.add_argument("--on", type=day, metavar="DAY", help="up to the end of this day, by what is known now (default: up to now)")
    parser.add_argument(
        "--scope", default="district", metavar="S", help="district, compound:ID, unit:ID or organisation:ID (default district)"
    )
    add_group(parser)
    parser.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the table (default zh)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print them.

    Raises:
        ValueError: There is no such scope.
    """
    with database(settings) as engine:
        try:
            found = _found(engine, arguments, command_clock(settings, clock).now_ms())
        except UnknownScopeError as error:
            raise ValueError(f"--scope: {error}") from error
    if arguments.json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        sys.stdout.writelines(line + "\n" for line in table(found, arguments.lang))
    return 0


def _found(engine: sa.Engine, arguments: argparse.Namespace, now: int) -> Targets:
    year, now = arguments.year or year_of(arguments.on, now), as_of(arguments.on, now)
    if arguments.scope.startswith(ORGANISATION):
        within = None if arguments.group is None else chosen_group(engine, arguments.group)
        return rollups.targets_of(engine, within, year, arguments.scope, now)
    return targets_of(engine, chosen_group(engine, arguments.group), year, arguments.scope, now)
