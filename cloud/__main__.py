"""`jieyue-cloud`: serve the interface, store what gateways send, look after the database and its tokens, print figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cloud import cli
from cloud.cli import PROGRAM
from cloud.logs import set_up
from contract.commandline import Parser, add_commands, ended, loading


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 where the machine refuses, 2 on bad input."""
    with loading():
        parser = _parser(sys.argv[1:2])
    arguments = parser.parse_args()
    set_up()
    sys.exit(ended(PROGRAM, lambda: arguments.run(arguments)))


def _parser(command: Sequence[str] = ()) -> Parser:
    """The commands' parsers; where one command is asked for, that one's alone, since each brings libraries that take time."""
    parser = Parser(
        prog=PROGRAM,
        description="The cloud service.",
        epilog="Settings come from the environment: JIEYUE_DATA, JIEYUE_SITE, JIEYUE_DATABASE, JIEYUE_TELEMETRY, JIEYUE_MQTT_HOST, "
        "JIEYUE_MQTT_PORT, JIEYUE_BIND, JIEYUE_PORT and so on.",
    )
    add_commands(parser, cli, command)
    return parser


if __name__ == "__main__":
    main()
