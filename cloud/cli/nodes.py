"""`jieyue-cloud nodes`: which edge nodes there are, and forgetting what the site does not know."""

from __future__ import annotations

import argparse
import json
import sys

import sqlalchemy as sa

from cloud.cli.shared import add, add_by, database
from cloud.devices.model import Node
from cloud.devices.queries.nodes import nodes
from cloud.opening import chosen_group
from cloud.settings import Settings
from cloud.sites.forgetting import forget
from contract.clock import Clock, iso
from contract.commandline import Commands, Parser

_ABOUT = (
    "List the edge nodes that were ever born, gateways and other makers' nodes, those of groups that no site has too; or forget what "
    "births and data made known of one and the site does not know. Readings stay in the time-series store."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "nodes", "list edge nodes, those of other groups too, or forget what the site does not know", run, _ABOUT)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--json", action="store_true", help="print JSON instead of a table")
    either.add_argument(
        "--forget",
        metavar="NODE[/DEVICE]",
        help="forget a node that the site does not know, or a device of a node; of what the site knows, the points that were invented",
    )
    parser.add_argument("--group", metavar="G", help="Sparkplug group of what is forgotten (default: the site's)")
    add_by(parser, "forgets it")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Print them, by group and id, or what was forgotten.

    Raises:
        ValueError: There is no such node or device, or the site knows all of it.
    """
    with database(settings) as engine:
        if arguments.forget is not None:
            return _forget(engine, clock, arguments)
        found = nodes(engine)
    if arguments.json:
        sys.stdout.write(json.dumps([node._asdict() | {"changed_at": iso(node.changed_at)} for node in found], indent=1) + "\n")
    else:
        sys.stdout.writelines(_line(node) + "\n" for node in found)
    return 0


def _forget(engine: sa.Engine, clock: Clock, arguments: argparse.Namespace) -> int:
    node, slash, device = arguments.forget.partition("/")
    group = arguments.group or chosen_group(engine)
    done = forget(engine, group, node, device if slash else None, arguments.by, clock.now_ms())
    sys.stdout.write(
        f"forgot of {group}/{arguments.forget}: {done.nodes} nodes, {done.devices} devices, {done.points} points, {done.births} births\n"
        "readings stay in the time-series store; a service that runs knows what was forgotten until it is restarted\n"
    )
    return 0


def _line(node: Node) -> str:
    state = f"{'online' if node.online else 'offline'} since {iso(node.changed_at)}"
    what = "gateway" if node.stores else "foreign node"
    where = "" if node.known_group else ", in a group that no site has"
    return f"{node.group}/{node.id}: {what}, {state}, {len(node.devices)} devices{where}"
