"""`jieyue-cloud report`: what may be asked on the command line, and how it is answered."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from cloud.indicators.scopes import DISTRICT, UnknownScopeError
from cloud.reports.base import FORMATS, Asked, reports
from cloud.reports.made import make, record, write
from cloud.reports.period import FIRST_YEAR, LAST_YEAR, MONTHS, QUARTERS, Period
from cloud.texts import LANGUAGES, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("report", choices=list(reports()), help="which report")
    parser.add_argument("--year", type=_number(FIRST_YEAR, LAST_YEAR), required=True, metavar="Y", help="year of the report")
    parser.add_argument("--quarter", type=_number(1, QUARTERS), metavar="Q", help="1 to 4 (default the whole year)")
    parser.add_argument("--month", type=_number(1, MONTHS), metavar="M", help="1 to 12, instead of a quarter")
    parser.add_argument("--scope", default=DISTRICT, metavar="S", help="district, compound:ID or unit:ID (default district)")
    parser.add_argument("--lang", choices=LANGUAGES, default="zh", help="language of the report (default zh)")
    parser.add_argument("--format", choices=FORMATS, default="pdf", help="kind of file (default pdf)")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="where to; written whole or not at all")


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text.isascii() and text.isdigit() and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"expected a number from {low} to {high}, got {text!r}")

    return read


def asked(arguments: argparse.Namespace, group: str) -> Asked:
    """What is asked for, of a district.

    Raises:
        ValueError: Both a quarter and a month.
    """
    try:
        period = Period(arguments.year, arguments.quarter, arguments.month)
    except ValueError as error:
        raise ValueError(f"--{error}") from error
    return Asked(group, period, arguments.scope, arguments.lang, arguments.format)


def _on_terminal(text: str) -> None:
    """Show what is being done in the place of what was; nothing where no person looks on."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def run(engine: sa.Engine, name: str, wanted: Asked, target: Path, now: int) -> None:
    """Make a report and write it to its place.

    Args:
        engine: Of registry and ledger.
        name: Which report.
        wanted: Of what, and how.
        target: The file.
        now: ms since 1970 in UTC.

    Raises:
        ValueError: There is no such scope.
        ReportError: It cannot be made or written.
    """
    try:
        made = make(engine, name, wanted, now, lambda step: _on_terminal(say(f"report.step.{step}", wanted.language)))
    except UnknownScopeError as error:
        raise ValueError(f"--scope: {error}") from error
    finally:
        _on_terminal("")
    write(made.content, target)
    record(engine, name, wanted, made, "command line", now)
