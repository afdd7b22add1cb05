"""`jieyue-cloud exchange`: record that a meter or its transformers were exchanged."""

from __future__ import annotations

import argparse

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger.exchanges import Change, record_exchange
from cloud.ledger.model import MeterKey
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser, at, number


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "exchange", "record that a meter was exchanged, or its transformers", run)
    parser.add_argument("meter", metavar="METER", help="id of the meter")
    parser.add_argument("--at", type=at, required=True, metavar="TIME", help="when, such as 2026-03-01T10:00:00+08:00")
    parser.add_argument(
        "--last", type=number, required=True, metavar="X", help="what it showed last, in the point's unit and with the old ratio"
    )
    parser.add_argument("--first", type=number, required=True, metavar="X", help="what it showed first afterwards, with the new ratio")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever audits it")
    add_group(parser)
    add_by(parser, "records it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Record it."""
    with database(settings) as engine:
        meter = MeterKey(chosen_group(engine, arguments.group), arguments.meter)
        change = Change(meter, arguments.at, arguments.last, arguments.first, arguments.reason)
        record_exchange(engine, change, arguments.by, clock.now_ms())
    return 0
