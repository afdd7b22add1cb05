"""`jieyue-cloud broker`: write mosquitto's users and rights for the site."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from cloud.cli.shared import add
from cloud.opening import site_of
from cloud.settings import Settings
from contract import rights
from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.topics import NodeId, node_id

_ABOUT = (
    "Write mosquitto's passwd and acl for the site, and each user's password into a file of its own. Passwords that are "
    "there are kept, so it may be run again when the site has grown. A user is one connection: each gateway, each of its MQTT buses "
    "and each device that publishes has its own."
)
_NODES = "nodes"
"""File of the edge nodes of other makers, `GROUP/NODE` a line; people may write it too."""
_WORKERS = "workers"
"""File of the number of ingest workers."""
_CERTIFIED = "certified"
"""File of the users that enter by a certificate, one a line; who is to enter by a password again is taken out by hand."""


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "broker", "write mosquitto's passwd and acl for the site, and each user's password", run, _ABOUT)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where; passwords go into its folder passwords/")
    parser.add_argument(
        "--node",
        action="append",
        default=[],
        metavar="GROUP/NODE",
        help="an edge node of another maker, which gets the user NODE@GROUP; remembered in DIR/nodes; may be given several times",
    )
    parser.add_argument(
        "--workers",
        type=_number,
        metavar="N",
        help="ingest workers, which get the users cloud-worker-1 to N; remembered in DIR/workers (default: as remembered, else 0)",
    )
    parser.add_argument(
        "--certified",
        action="append",
        default=[],
        metavar="USER",
        help="a user that has a certificate: no password lets it in; remembered in DIR/certified; may be given several times",
    )


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= rights.MAX_WORKERS:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number from 0 to {rights.MAX_WORKERS}, got {text!r}")


def run(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Write the broker's files and say which."""
    folder: Path = arguments.folder
    nodes = _nodes(folder / _NODES, arguments.node)
    workers = _workers(folder / _WORKERS) if arguments.workers is None else arguments.workers
    found = rights.rights(site_of(settings), settings.host_id, nodes, workers)
    if certified := _certified(folder / _CERTIFIED, arguments.certified, found):
        rights.secret_file(folder / _CERTIFIED, "".join(f"{user}\n" for user in certified))  # first: it closes a way in
    passwords = rights.write_files(found, folder, certified)
    if nodes:
        rights.secret_file(folder / _NODES, "".join(f"{node.group}/{node.node}\n" for node in nodes))
    if arguments.workers is not None:
        rights.secret_file(folder / _WORKERS, f"{workers}\n")
    written = [folder / "passwd", folder / "acl", *(rights.password_file(folder, user) for user in passwords)]
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


def _nodes(file: Path, added: list[str]) -> list[NodeId]:
    """The nodes of other makers: those that the file remembers, then new ones.

    Raises:
        ValueError: A line or an argument names no node.
    """
    found: dict[NodeId, None] = {}
    for where, text in _given(file, "--node", added):
        try:
            found[node_id(text)] = None
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return list(found)


def _workers(file: Path) -> int:
    """How many ingest workers the file remembers.

    Raises:
        ValueError: It holds no number.
    """
    if not file.exists():
        return 0
    try:
        return _number(file.read_text(encoding="utf-8").strip())
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{file}: {error}") from None


def _certified(file: Path, added: list[str], users: Collection[str]) -> list[str]:
    """The users that enter by a certificate: those that the file remembers, then new ones.

    Raises:
        ValueError: A line or an argument names no user of the broker.
    """
    given = _given(file, "--certified", added)
    for where, user in given:
        if user not in users:
            raise ValueError(f"{where}: expected a user of the broker ({', '.join(users)}), got {user!r}")
    return list(dict.fromkeys(user for _, user in given))


def _given(file: Path, option: str, added: list[str]) -> list[tuple[str, str]]:
    """What a file remembers, a line each, and then what an option adds; each with where it stands."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    remembered = [(f"{file}:{number}", line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    return remembered + [(option, text) for text in added]
