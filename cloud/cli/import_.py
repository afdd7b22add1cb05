"""`jieyue-cloud import`: enter amounts that no device counts, and bills to compare with what one counted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger.entries import Agreed, import_csv
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser

_FILE = (
    "CSV in UTF-8, first line meter,month,amount; months as YYYY-MM, amounts in kWh of electricity, m3 of water and gas, L of petrol and "
    "diesel, kg of coal and lpg, MJ of heat, kgce of what else there is"
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "import", "enter amounts and bills from a CSV file with the columns meter, month and amount", run)
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument(
        "--replace", action="store_true", help="where a device counted a part of a month, enter the whole month in its place"
    )
    parser.add_argument("--unusual", action="store_true", help="take amounts of more than ten times the meter's largest month")
    add_group(parser)
    add_by(parser, "enters them")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Enter all or none, and say how many."""
    with database(settings) as engine:
        agreed = Agreed(arguments.replace, arguments.unusual)
        done = import_csv(engine, chosen_group(engine, arguments.group), arguments.file, arguments.by, clock.now_ms(), agreed)
    sys.stdout.write(f"{done.entered} amounts entered\n")
    if done.beside:
        sys.stdout.write(f"{done.beside} bills kept beside what a device counted; see: jieyue-cloud bills\n")
    return 0
