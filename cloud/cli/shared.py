"""What the commands have in common: how one is added, the arguments that several take, the database they work on."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial

import sqlalchemy as sa

from cloud.health import first_line
from cloud.opening import opened_database
from cloud.operations.commands import place, standing
from cloud.operations.model import DONE, SENT, Command
from cloud.platform.database import DOWN
from cloud.settings import Settings, load_settings
from cloud.texts import in_words
from contract.clock import Clock, clock_from_environment
from contract.commandline import FAILED, Commands, Parser

Run = Callable[[Settings, Clock, argparse.Namespace], int]
"""Runs a command and returns its exit code; raises ValueError on bad input and OSError where the machine refuses."""
_FIRST_YEAR, _LAST_YEAR = 2000, 2099
_AGREED = {"y", "yes"}


def add(commands: Commands[Parser], name: str, text: str, run: Run, description: str = "", *, aliases: Sequence[str] = ()) -> Parser:
    """Add a command.

    Args:
        commands: Of the program, or the actions of a command.
        name: How it is called.
        text: What it does, for the list of commands.
        run: Runs it.
        description: What it does, in whole sentences; `text` as a sentence by default.
        aliases: Earlier names of it, which go on.
    """
    parser = commands.add_parser(name, aliases=aliases, help=text, description=description or text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=partial(_as_set, run))
    return parser


def _as_set(run: Run, arguments: argparse.Namespace) -> int:
    """Run a command with the settings and the clock that the environment gives."""
    return run(load_settings(), clock_from_environment(), arguments)


def add_actions(parser: Parser) -> Commands[Parser]:
    """The actions of a command, one of which must be given."""
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def add_by(parser: Parser, what: str) -> None:
    """Who does it, for the audit."""
    parser.add_argument("--by", default="command line", metavar="NAME", help=f"who {what} (default: command line)")


def add_yes(parser: Parser) -> None:
    """That nobody is to be asked."""
    parser.add_argument("--yes", action="store_true", help="do not ask; without it a terminal is needed, except where nothing changes")


class NotAgreed(ValueError):  # noqa: N818 (the person's word)
    """Nobody agreed to the change; nothing was entered."""


def agreed() -> None:
    """Ask whoever sits at the terminal.

    Raises:
        NotAgreed: Nobody does, or the answer is not yes.
    """
    if not sys.stdin.isatty():
        raise NotAgreed("nobody can be asked, since this is no terminal; nothing was entered: look at it and give --yes")
    sys.stdout.write("Enter this? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in _AGREED:
        raise NotAgreed("nothing was entered")


def add_group(parser: Parser) -> None:
    """Which district; needed where several were entered."""
    parser.add_argument("--group", metavar="G", help="code of the district, where several were entered")


def add_order(parser: Parser) -> None:
    """What is said of anything that the service is to send."""
    parser.add_argument("--reason", type=_reason, required=True, metavar="TEXT", help="why, for whoever audits it")
    parser.add_argument("--group", metavar="G", help="district, where several were entered, or Sparkplug group of a foreign node")
    parser.add_argument("--wait", action="store_true", help="wait for how it ends; the exit code is 1 unless it is done")


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a reason")
    return text.strip()


def give(engine: sa.Engine, clock: Clock, order: Command, *, wait: bool) -> int:
    """Queue an order for the service to send and print its id, or, after waiting for it, how it ended.

    Returns:
        The exit code.
    """
    name = place(engine, order, clock.now_ms())
    found = standing(engine, order.group, name)
    late = order.expires_at + _LATE
    while wait and found is not None and found.state == SENT and clock.now_ms() < late:
        time.sleep(_LOOK_EVERY)
        found = standing(engine, order.group, name)
    state = found if wait else None
    told = "" if state is None else f": {state.state}" + (f", {in_words(state.reason, 'en')}" if state.reason else "")
    sys.stdout.write(f"{name}{told}\n")
    return 0 if state is None or state.state == DONE else FAILED


_LOOK_EVERY = 0.2
_LATE = 30_000
"""Ms after its expiry by which a running service has ended an order."""


def day(text: str) -> date:
    """A day that the product knows.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if len(text) == len("2026-03-01") and _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return found
    raise argparse.ArgumentTypeError(f"expected a day such as 2026-03-01, got {text!r}")


def year(text: str) -> int:
    """A year that the product knows.

    Raises:
        ArgumentTypeError: With what was expected.
    """
    if text.isascii() and text.isdigit() and _FIRST_YEAR <= int(text) <= _LAST_YEAR:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}, got {text!r}")


@contextmanager
def database(settings: Settings) -> Iterator[sa.Engine]:
    """The registry that the settings name, given back afterwards.

    Raises:
        ConfigError: As `opened_database`.
        OSError: As `opened_database`, or the database stopped to take or to give anything.
    """
    engine = opened_database(settings)
    try:
        yield engine
    except DOWN as error:
        raise OSError(f"{engine.url.render_as_string()}: {first_line(error)}") from error
    finally:
        engine.dispose()
