"""`jieyue-cloud`: serve the interface, store what gateways send, look after the database and its tokens, print figures."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module

from cloud import cli
from cloud.cli.shared import PROGRAM
from cloud.settings import IN_WORDS, load_settings
from contract.clock import clock_from_environment
from contract.commandline import Parser, ended
from contract.logs import set_up


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 where the machine refuses, 2 on bad input."""
    arguments = _parser(sys.argv[1:2]).parse_args()
    set_up(in_words=IN_WORDS)
    sys.exit(ended(PROGRAM, lambda: arguments.run(load_settings(), clock_from_environment(), arguments)))


def _parser(command: Sequence[str] = ()) -> Parser:
    """The commands' parsers; where one command is asked for, that one's alone, since each brings libraries that take time."""
    parser = Parser(
        prog=PROGRAM,
        description="The cloud service.",
        epilog="Settings come from the environment: JIEYUE_DATA, JIEYUE_SITE, JIEYUE_DATABASE, JIEYUE_TELEMETRY, JIEYUE_MQTT_HOST, "
        "JIEYUE_MQTT_PORT, JIEYUE_BIND, JIEYUE_PORT and so on.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    files = sorted(module.name for module in pkgutil.iter_modules(cli.__path__) if module.name != "shared")
    for name in [name for name in files if [cli.command_of(name)] == command] or files:
        import_module(f"{cli.__name__}.{name}").add_parser(commands)
    return parser


if __name__ == "__main__":
    main()
