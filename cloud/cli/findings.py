"""`jieyue-cloud findings`: what the ledger asks people, and how a question is explained."""

from __future__ import annotations

import argparse
import json
import sys

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger import findings
from cloud.ledger.findings import Finding
from cloud.ledger.shown_findings import record_of
from cloud.opening import chosen_group
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser, at


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(
        commands,
        "findings",
        "list what the ledger could not decide, or explain one of these",
        run,
        "Lists what the ledger could not decide, with the amount at stake: a step that nobody recorded, too little over a gap, a counter "
        "that stands. A record (exchange, out-of-use) answers a finding; where the figure is right as it stands, a note explains it.",
    )
    parser.add_argument("--json", action="store_true", help="as the interface gives them")
    parser.add_argument("--all", action="store_true", help="explained ones, too")
    parser.add_argument("--explain", nargs=3, metavar=("METER", "START", "KIND"), help="explain this one, as the list names it")
    parser.add_argument("--note", default="", metavar="TEXT", help="with --explain: why the figure stands as it is")
    add_group(parser)
    add_by(parser, "explains it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """List or explain."""
    now = clock.now_ms()
    with database(settings) as engine:
        group = chosen_group(engine, arguments.group)
        if arguments.explain:
            meter, start, kind = arguments.explain
            findings.explain(engine, group, (meter, at(start), kind), arguments.note, arguments.by, now)
            return 0
        with engine.connect() as connection:
            found = findings.listed(connection, group, now)
    shown = [one for one in found if arguments.all or one.state == "open"]
    if arguments.json:
        sys.stdout.write(json.dumps([record_of(one) for one in shown], ensure_ascii=False, indent=2) + "\n")
        return 0
    for one in shown:
        sys.stdout.write(f"{_line(one)}\n")
    sys.stdout.write(f"{sum(one.state == 'open' for one in shown)} open\n")
    return 0


def _line(finding: Finding) -> str:
    said = record_of(finding)
    text = f"{said['meter']} {said['start']} {said['kind']}: {said['amount']:g} {said['unit']} at stake, {said['counted']:g} counted"
    return text if finding.note is None else f"{text} (explained by {finding.by}: {finding.note})"
