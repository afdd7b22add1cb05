"""`jieyue-cloud load-shape`: record how a meter's gaps are spread over the hours of a week, in place of what its own months taught."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from cloud.cli.shared import add, add_by, add_group, database
from cloud.ledger.counters import RecordedShape
from cloud.ledger.model import MeterKey
from cloud.ledger.recorded import record_profile
from cloud.opening import chosen_group
from cloud.settings import Settings
from cloud.textfile import read_text
from contract.clock import Clock
from contract.commandline import Commands, Parser, at

_MOST_DIGITS = 9


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    text = "record how a meter's gaps are spread over the hours of a week from a moment on"
    parser = add(commands, "load-shape", text, run, aliases=("profile",))
    parser.add_argument("meter", metavar="METER", help="id of the meter")
    parser.add_argument("file", type=Path, metavar="FILE", help="168 whole numbers, Monday 00:00 in Shanghai first")
    parser.add_argument(
        "--from", dest="valid_from", type=at, required=True, metavar="TIME", help="since when, such as 2026-03-01T00:00:00+08:00"
    )
    add_group(parser)
    add_by(parser, "records it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Record it.

    Raises:
        ValueError: The file cannot be read or has other than 168 weights.
    """
    weights = tuple(_weights(arguments.file))
    try:
        profile = RecordedShape(arguments.valid_from, weights)
    except ValueError as error:
        raise ValueError(f"{arguments.file}: {error}") from error
    with database(settings) as engine:
        record_profile(engine, MeterKey(chosen_group(engine, arguments.group), arguments.meter), profile, arguments.by, clock.now_ms())
    return 0


def _weights(file: Path) -> Iterator[int]:
    for line, text in enumerate(read_text(file).splitlines(), 1):
        for word in text.replace(",", " ").split():
            if not (word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS):
                raise ValueError(f"{file}:{line}: weight: expected a whole number of at most {_MOST_DIGITS} digits, got {word!r:.40}")
            yield int(word)
