"""`jieyue-cloud resend`: ask gateways for rows that they keep, after a restore."""

from __future__ import annotations

import argparse
import sys
import time

import sqlalchemy as sa

from cloud.cli.shared import add, add_group, database
from cloud.devices.queries.nodes import node_exists
from cloud.opening import entered_site
from cloud.operations.commands import RESEND_WITHIN, place, resend, standing
from cloud.operations.model import DONE
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser, at

_LOOK_EVERY = 0.1
_ABOUT = (
    "Ask gateways to send again what they measured in a span of time and still keep, after stores were restored from a "
    "backup. What is stored already is not doubled. The service must run, for it asks; a gateway that is offline is not asked."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "resend", "ask gateways for rows that they keep, after a restore", run, _ABOUT)
    parser.add_argument("gateways", nargs="*", metavar="GATEWAY", help="ids of gateways (default all of the site)")
    add_group(parser)
    for option, text in (("--from", "first moment, such as 2026-03-01T00:00:00+08:00"), ("--to", "the moment after the last")):
        parser.add_argument(option, dest=option[2:], type=at, required=True, metavar="TIME", help=text)


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Ask, and say whom.

    Raises:
        ValueError: No such gateway, or a span that ends before it begins.
        OSError: The service asked nobody.
    """
    span = (getattr(arguments, "from"), arguments.to)
    with database(settings) as engine:
        site = entered_site(engine, arguments.group)
        known = [g.id for g in site.gateways]
        asked = arguments.gateways or known
        for name in asked:
            if name not in known:
                raise ValueError(f"expected gateways out of {', '.join(known)}, got {name!r}")
        if span[0] >= span[1]:
            raise ValueError("--to: expected a moment after --from")
        born = [name for name in asked if node_exists(engine, site.group, name)]
        orders = {
            name: place(engine, resend(site.group, name, span, "jieyue-cloud resend", clock.now_ms()), clock.now_ms()) for name in born
        }
        told = _told(engine, site.group, orders)
    if missing := [name for name in asked if name not in told]:
        why = "the service does not run or has no broker, or they are offline, or it never heard of them"
        raise OSError(f"nobody asked {', '.join(missing)}: {why}")
    sys.stdout.write(f"asked {', '.join(asked)}; each says in its log how many rows it recalled\n")
    return 0


def _told(engine: sa.Engine, group: str, orders: dict[str, str]) -> list[str]:
    """The gateways that the service asked, by the ids of their orders; it is waited for as long as it may take."""
    end, told = time.monotonic() + RESEND_WITHIN / 1000, list[str]()
    while len(told) < len(orders) and time.monotonic() < end:
        told = [name for name, order in orders.items() if (found := standing(engine, group, order)) is not None and found.state == DONE]
        time.sleep(_LOOK_EVERY)
    return told
