"""`jieyue-cloud command`: write a point of a device, ours or another maker's."""

from __future__ import annotations

import argparse

from cloud.cli.shared import add, add_by, add_order, database, give
from cloud.opening import chosen_group
from cloud.operations.commands import refusal
from cloud.operations.model import Command
from cloud.settings import Settings
from cloud.texts import in_words
from contract.clock import Clock
from contract.commandline import Commands, Parser, number

_LONGEST = 86_400.0
_ABOUT = (
    "Write a point of a device. A device of the site takes what its profile allows; of another maker's device it is a metric that its "
    "birth lists, and the command is done when the device's data shows the value. The service must run, for it sends the command."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "command", "write a point of a device", run, _ABOUT)
    parser.add_argument("device", metavar="DEVICE", help="id of the device")
    parser.add_argument("point", metavar="POINT", help="point to write, such as setpoint; of another maker's device, its metric")
    parser.add_argument("value", type=number, metavar="VALUE", help="in the point's unit, or the number of a state")
    parser.add_argument(
        "--expires", type=_seconds, default=60.0, metavar="S", help="seconds from now within which it may be carried out (default 60)"
    )
    add_order(parser)
    add_by(parser, "orders it")


def _seconds(text: str) -> float:
    found = number(text)
    if not 0 < found <= _LONGEST:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0 and at most {_LONGEST:g}, got {text!r}")
    return found


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Queue the command, and say how it stands.

    Raises:
        ValueError: There is no such device, or it does not take this.
    """
    now, a = clock.now_ms(), arguments
    with database(settings) as engine:
        group = a.group or chosen_group(engine)
        order = Command(group, a.device, a.point, a.value, a.reason, a.by, now + int(a.expires * 1000))
        why_not = refusal(engine, order, now)
        if why_not is not None:
            raise ValueError(in_words(why_not, "en"))
        return give(engine, clock, order, wait=arguments.wait)
