"""`jieyue-edge`: run a gateway, check its configuration, read a device once, scan its buses."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from contract.commandline import Parser, add_commands, ended, loading
from contract.logs import set_up
from edge import cli
from edge.cli import PROGRAM


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 when a device does not answer, 2 on bad input."""
    with loading():
        parser = _parser(sys.argv[1:2])
    arguments = parser.parse_args()
    set_up()
    sys.exit(ended(PROGRAM, lambda: arguments.run(arguments)))


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
