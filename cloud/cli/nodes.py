"""`jieyue-cloud nodes`: which edge nodes there are."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from cloud.cli.shared import Commands, add, database
from cloud.registry.births import Node, nodes
from cloud.settings import Settings
from contract.clock import Clock, iso
from contract.commandline import Parser

_ABOUT = "List the edge nodes that were ever born, gateways and other makers' nodes, those of groups that no site has too."


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "nodes", "list edge nodes, those of other groups too", run, _ABOUT)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Print them, by group and id."""
    with database(settings) as engine:
        found = nodes(engine)
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(node) | {"changed_at": iso(node.changed_at)} for node in found], indent=1) + "\n")
    else:
        sys.stdout.writelines(_line(node) + "\n" for node in found)
    return 0


def _line(node: Node) -> str:
    state = f"{'online' if node.online else 'offline'} since {iso(node.changed_at)}"
    what = "gateway" if node.stores else "foreign node"
    where = "" if node.known_group else ", in a group that no site has"
    return f"{node.group}/{node.id}: {what}, {state}, {len(node.devices)} devices{where}"
