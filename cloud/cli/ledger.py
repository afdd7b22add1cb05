"""`jieyue-cloud ledger`: how far the ledger has counted what came in."""

from __future__ import annotations

import argparse
import json
import sys

from cloud.cli.shared import add, add_actions, database
from cloud.ledger.progress import MOST, Progress, progress
from cloud.organisations.queries import groups
from cloud.settings import Settings
from contract.clock import Clock, iso
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "ledger", "say how far the ledger has counted what came in", status, "Look after the ledger.")
    actions = add_actions(parser)
    shown = add(
        actions,
        "status",
        "print which hours wait to be counted, how fast they are, and which may still change",
        status,
        f"Prints how many hours of meters wait to be counted, by energy and for the {MOST} meters that have the most, the oldest, by "
        "how many hours a second the list becomes shorter (looked at for less than a second), how long it takes at that rate, and how many "
        "counted hours are provisional. Reads only; the exit code is 0 whatever waits.",
    )
    shown.add_argument("--json", action="store_true", help="print JSON instead of lines")


def status(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Print how far the ledger is."""
    with database(settings) as engine:
        found = progress(engine)
        with engine.connect() as connection:
            several = len(groups(connection)) > 1
    if arguments.json:
        sys.stdout.write(json.dumps(_record(found), ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found, several=several))
    return 0


def _record(found: Progress) -> dict[str, object]:
    return {
        "waiting": found.waiting,
        "meters": len(found.meters),
        "oldest": None if found.oldest is None else iso(found.oldest),
        "hours_per_second": None if found.rate is None else round(found.rate, 1),
        "seconds_left": None if found.seconds_left is None else round(found.seconds_left),
        "provisional": sum(found.provisional.values()),
        "energies": [{"energy": name or None, "waiting": waits, "provisional": open_hours} for name, waits, open_hours in found.energies],
        "most": [
            {"meter": one.meter.id, "group": one.meter.group, "energy": one.energy, "waiting": one.hours, "oldest": iso(one.oldest)}
            for one in found.meters[:MOST]
        ],
    }


def _lines(found: Progress, *, several: bool) -> list[str]:
    """For people; a meter with its district, where there are several."""
    lines = []
    if found.oldest is not None:
        lines.append(f"{found.waiting} hours of {len(found.meters)} meters wait, the oldest {iso(found.oldest)}")
        left = "the list does not become shorter" if found.seconds_left is None else f"about {found.seconds_left:.0f} s left"
        lines.append(f"{found.rate or 0:.0f} hours a second; {left}")
    else:
        lines.append("no hour waits")
    lines.append(f"{sum(found.provisional.values())} counted hours are provisional")
    lines += [f"{name or 'of no known meter'}: {waits} wait, {open_hours} provisional" for name, waits, open_hours in found.energies]
    most = [(f"{one.meter.group}/{one.meter}" if several else str(one.meter), one) for one in found.meters[:MOST]]
    return [*lines, *(f"{name}: {one.hours} wait, the oldest {iso(one.oldest)}" for name, one in most)]
