"""`jieyue-cloud resend`: ask gateways for rows that they keep, after a restore."""

from __future__ import annotations

import argparse
import asyncio
import sys

from cloud.cli.shared import Commands, add, at, database
from cloud.ingest.resend import ask
from cloud.opening import entered_site
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Parser

_ABOUT = (
    "Ask gateways to send again what they measured in a span of time and still keep, after stores were restored from a "
    "backup. What is stored already is not doubled. Gateways that are not online do not hear it."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "resend", "ask gateways for rows that they keep, after a restore", run, _ABOUT)
    parser.add_argument("gateways", nargs="*", metavar="GATEWAY", help="ids of gateways (default all of the site)")
    for option, text in (("--from", "first moment, such as 2026-03-01T00:00:00+08:00"), ("--to", "the moment after the last")):
        parser.add_argument(option, dest=option[2:], type=at, required=True, metavar="TIME", help=text)


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Ask, and say whom.

    Raises:
        ValueError: No such gateway, or a span that ends before it begins.
    """
    span = (getattr(arguments, "from"), arguments.to)
    with database(settings) as engine:
        site = entered_site(engine)
    known = [g.id for g in site.gateways]
    asked = arguments.gateways or known
    for name in asked:
        if name not in known:
            raise ValueError(f"expected gateways out of {', '.join(known)}, got {name!r}")
    if span[0] >= span[1]:
        raise ValueError("--to: expected a moment after --from")
    asyncio.run(ask(settings, site, asked, span, clock.now_ms()))
    sys.stdout.write(f"asked {', '.join(asked)}; each says in its log how many rows it recalled\n")
    return 0
