"""`jieyue-cloud report`: make a report as a file."""

from __future__ import annotations

import argparse

from cloud.cli import PROGRAM
from cloud.cli.shared import add, add_group, database
from cloud.opening import chosen_group
from cloud.reports import command
from cloud.reports.alone import alone
from cloud.reports.base import ReportError
from cloud.settings import Settings, command_clock
from contract.clock import Clock
from contract.commandline import FAILED, Commands, Parser, fail


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "report", "make a report as PDF or XLSX", run)
    command.add_arguments(parser)
    add_group(parser)


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Make it and write it to its place."""
    try:
        with database(settings) as engine:
            wanted = command.asked(arguments, chosen_group(engine, arguments.group))
            alone(engine, wanted.format)
            command.run(engine, arguments.report, wanted, arguments.output, command_clock(settings, clock).now_ms())
    except ReportError as error:
        return fail(PROGRAM, error, FAILED)
    return 0
