"""`jieyue-edge`: run a gateway, check its configuration, read a device once, scan its buses."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from contract.clock import clock_from_environment
from contract.commandline import Parser, add_commands, ended
from contract.logs import set_up
from edge import cli
from edge.cli.shared import PROGRAM
from edge.settings import load_settings


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 when a device does not answer, 2 on bad input."""
    arguments = _parser(sys.argv[1:2]).parse_args()
    set_up()
    sys.exit(ended(PROGRAM, lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    settings, site = load_settings(arguments.config)
    ended: int = arguments.run(settings, site, clock_from_environment(), arguments)
    return ended


def _parser(command: Sequence[str] = ()) -> Parser:
    """The commands' parsers; where one command is asked for, that one's alone."""
    parser = Parser(
        prog=PROGRAM,
        description="The gateway: reads devices and sends what it read.",
        epilog="The clock is the machine's, unless JIEYUE_NOW (a date) and JIEYUE_SPEED (a number above 0) say otherwise, for trials.",
    )
    add_commands(parser, cli, command)
    return parser


if __name__ == "__main__":
    main()
