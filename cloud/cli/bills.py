"""`jieyue-cloud bills`: bills beside the counters of their months, with the difference."""

from __future__ import annotations

import argparse
import sys

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger import bills
from cloud.ledger.base_units import energy_of, to_factor_unit
from cloud.ledger.model import MeterKey
from cloud.ledger.queries.bills import kept
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(
        commands,
        "bills",
        "list bills beside what their counters counted, or withdraw one",
        run,
        "Lists the bills of months that a counter counted as a whole (entered with import), with what it counted and the difference. "
        "They are compared with the counter and never added to it; a bill entered again is corrected.",
    )
    parser.add_argument("--withdraw", nargs=2, metavar=("METER", "MONTH"), help="withdraw this one; the counter's figure stays")
    add_group(parser)
    add_by(parser, "withdraws it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """List or withdraw."""
    with database(settings) as engine:
        group = chosen_group(engine, arguments.group)
        if arguments.withdraw:
            meter, month = arguments.withdraw
            bills.withdraw(engine, MeterKey(group, meter), month, arguments.by, clock.now_ms())
            return 0
        with engine.connect() as connection:
            found = kept(connection, group)
    if not found:
        sys.stdout.write("no bills\n")
    for one in found:
        billed, counted, apart = (to_factor_unit(n, one.energy).normalize() for n in (one.amount, one.counted, one.amount - one.counted))
        unit = energy_of(one.energy).factor_unit
        sys.stdout.write(f"{one.meter} {one.month}: {billed:f} {unit} billed, {counted:f} counted, {apart:+f}\n")
    return 0
