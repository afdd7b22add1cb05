"""`jieyue-cloud rebirth`: ask an edge node for its births."""

from __future__ import annotations

import argparse

from cloud.cli.shared import add, add_by, add_order, database, give
from cloud.devices.queries.nodes import node_exists
from cloud.opening import chosen_group
from cloud.operations import commands as orders
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser

_ABOUT = (
    "Ask an edge node, ours or another maker's, to send its births again: what it is, which devices it has and their newest values. "
    "It is done when the births come, and fails after a minute without. The service must run, for it sends the question."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "rebirth", "ask an edge node for its births", run, _ABOUT)
    parser.add_argument("node", metavar="NODE", help="id of the gateway or foreign node")
    add_order(parser)
    add_by(parser, "asks")


def run(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Queue the question, and say how it stands.

    Raises:
        ValueError: There is no such node.
    """
    with database(settings) as engine:
        group = arguments.group or chosen_group(engine)
        if not node_exists(engine, group, arguments.node):
            raise ValueError(f"no node {arguments.node!r} in the group {group}; jieyue-cloud nodes lists them")
        order = orders.rebirth(group, arguments.node, arguments.reason, arguments.by, clock.now_ms())
        return give(engine, clock, order, wait=arguments.wait)
