"""`jieyue-cloud broker`: write mosquitto's users and rights for the site."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.cli.shared import Commands, add
from cloud.opening import site_of
from cloud.settings import Settings
from contract import rights
from contract.clock import Clock
from contract.commandline import Parser

_ABOUT = (
    "Write mosquitto's passwd and acl for the site, and each user's password into a file of its own. Passwords that are "
    "there are kept, so it may be run again when the site has grown."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    parser = add(commands, "broker", "write mosquitto's passwd and acl for the site, and each user's password", run, _ABOUT)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where; passwords go into its folder passwords/")


def run(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Write the broker's files and say which."""
    folder: Path = arguments.folder
    users = rights.write_files(site_of(settings), folder, settings.host_id)
    written = [folder / "passwd", folder / "acl", *(rights.password_file(folder, user) for user in users)]
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0
