"""`jieyue-cloud out-of-use`: record that a meter was not used, so that a counter that stands has truly counted 0."""

from __future__ import annotations

import argparse

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger.exchanges import OutOfUse, record_out_of_use
from cloud.ledger.model import MeterKey
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser, at


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "out-of-use", "record a time in which a meter was not used: its counter stands and counts 0", run)
    parser.add_argument("meter", metavar="METER", help="id of the meter")
    parser.add_argument(
        "--from", dest="start", type=at, required=True, metavar="TIME", help="since when, such as 2026-03-01T10:00:00+08:00"
    )
    parser.add_argument("--to", dest="end", type=at, metavar="TIME", help="until when, once it is over (default: until further notice)")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever audits it")
    add_group(parser)
    add_by(parser, "records it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Record it."""
    with database(settings) as engine:
        meter = MeterKey(chosen_group(engine, arguments.group), arguments.meter)
        time = OutOfUse(meter, arguments.start, arguments.end, arguments.reason)
        record_out_of_use(engine, time, arguments.by, clock.now_ms())
    return 0
