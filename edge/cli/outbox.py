"""`jieyue-edge outbox`: rows that wait for a date."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from pathlib import Path

from contract.clock import Clock
from contract.commandline import FAILED, Commands, Parser, fail
from contract.site import Site
from edge import boots
from edge.cli import PROGRAM
from edge.cli.shared import add
from edge.outbox import file
from edge.outbox.lock import InUseError
from edge.outbox.looking import looked_at
from edge.outbox.outbox import Outbox
from edge.outbox.rows import DamagedError, damaged
from edge.settings import Settings
from edge.timekeeping import boot_id

_ABOUT = (
    "List the boots of this machine whose rows wait for a date, which changes nothing, or date or drop those of one. Stop the "
    "gateway first. Rows of the present boot are dated when the clock is known; those of an earlier boot wait for a person who knows when "
    "it began."
)
_DAMAGED = "the outbox is damaged"
_MENDED = "the gateway takes over what can be read of it into a new one"


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "outbox", _ABOUT, run)
    what = parser.add_mutually_exclusive_group()
    began = "date the rows of this boot, which began then, such as 2026-03-01T07:58:00+08:00"
    what.add_argument("--date", nargs=2, metavar=("BOOT", "BEGAN"), help=began)
    what.add_argument("--drop", metavar="BOOT", help="give up the rows of this boot; their readings are counted as lost")


def run(settings: Settings, _site: Site, clock: Clock, arguments: argparse.Namespace) -> int:
    """List the boots whose rows wait, or date or drop the rows of one."""
    path = settings.outbox
    if not path.exists():
        return fail(PROGRAM, f"{path}: there is no outbox")
    try:
        sys.stdout.write(changed(path, clock, arguments) if arguments.date or arguments.drop else listed(path))
    except InUseError as error:
        return fail(PROGRAM, f"stop the gateway first: {error}", FAILED)
    except sqlite3.Error as error:
        return fail(PROGRAM, f"{path}: {error}", FAILED)
    return 0


def listed(path: Path) -> str:
    """The boots whose rows wait for a date, a line each; nothing is written.

    Raises:
        InUseError: A gateway has the outbox.
        sqlite3.Error: It cannot be read, or is damaged.
    """
    try:
        with looked_at(path) as db:
            found = boots.waiting(db)
    except sqlite3.Error as error:
        if not damaged(error):
            raise
        raise DamagedError(f"{_DAMAGED}, and nothing was changed; {_MENDED} when it starts ({error})") from error
    mine = boot_id()
    lines = [f"{boot.line()}{' (the present boot)' if boot.id == mine else ''}\n" for boot in found]
    return "".join(lines) or "no row waits for a date\n"


def changed(path: Path, clock: Clock, arguments: argparse.Namespace) -> str:
    """Do what is asked with the rows of a boot, and say what was done.

    Raises:
        InUseError: A gateway has the outbox.
        ValueError: What is asked cannot be right.
        sqlite3.Error: The outbox refuses it, or is damaged.
    """
    before = file.all_set_aside(path)
    outbox = Outbox(path)
    try:
        if aside := [found.name for found in file.all_set_aside(path) if found not in before]:
            raise DamagedError(f"{_DAMAGED}, and is {', '.join(aside)} now; {_MENDED} when it starts: ask again after that")
        if arguments.date:
            boot, began = arguments.date
            return f"{boots.date(outbox, boot, began, clock.now_ms())} rows have their date\n"
        return f"{boots.drop(outbox, arguments.drop)} rows are dropped\n"
    finally:
        outbox.close()
