"""The commands around what the service stands on: the broker's files, InfluxDB's bucket and tokens, rows that gateways keep."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from cloud.api.params import moment
from cloud.app import site_of
from cloud.ingest.resend import ask
from cloud.settings import Settings
from contract import rights
from contract.clock import Clock
from contract.commandline import Parser


def add_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    """`broker`, `influx` and `resend`."""
    resend = commands.add_parser(
        "resend",
        help="ask gateways for rows that they keep, after a restore",
        description="Ask gateways to send again what they measured in a span of time and still keep, after stores were restored from a "
        "backup. What is stored already is not doubled. Gateways that are not online do not hear it.",
    )
    resend.add_argument("gateways", nargs="*", metavar="GATEWAY", help="ids of gateways (default all of the site)")
    for option, text in (("--from", "first moment, such as 2026-03-01T00:00:00+08:00"), ("--to", "the moment after the last")):
        resend.add_argument(option, dest=option[2:], type=_at, required=True, metavar="TIME", help=text)
    broker = commands.add_parser(
        "broker",
        help="write mosquitto's passwd and acl for the site, and each user's password",
        description="Write mosquitto's passwd and acl for the site, and each user's password into a file of its own. Passwords that are "
        "there are kept, so it may be run again when the site has grown.",
    )
    broker.add_argument("folder", type=Path, metavar="DIR", help="where; passwords go into its folder passwords/")
    influx = commands.add_parser("influx", help="prepare InfluxDB 2.x", description="Prepare InfluxDB 2.x for the service and for Grafana.")
    actions = influx.add_subparsers(dest="action", required=True, metavar="ACTION")
    setup = actions.add_parser(
        "setup",
        help="bucket, database name and tokens",
        description="Make the bucket, the database name for /write and /query, and tokens for cloud (read, write) and grafana (read). "
        "What is there is kept.",
    )
    setup.add_argument("--url", required=True, metavar="URL", help="where InfluxDB is, such as http://influxdb:8086")
    setup.add_argument(
        "--admin-token-file", type=Path, required=True, metavar="FILE", help="holds a token that may make buckets and tokens"
    )
    setup.add_argument("--tokens", type=Path, required=True, metavar="DIR", help="where the tokens are written, a file each user")
    setup.add_argument("--org", default="jieyue", metavar="NAME", help="the organisation (default jieyue)")
    setup.add_argument("--bucket", default="jieyue", metavar="NAME", help="name of bucket and database (default jieyue)")


def _at(text: str) -> int:
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def resend(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Ask, and say whom.

    Raises:
        ValueError: No such gateway, or a span that ends before it begins.
    """
    site, span = site_of(settings), (getattr(arguments, "from"), arguments.to)
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


def broker(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Write the broker's files and say which."""
    folder: Path = arguments.folder
    users = rights.write_files(site_of(settings), folder, settings.host_id)
    written = [folder / "passwd", folder / "acl", *(rights.password_file(folder, user) for user in users)]
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


def influx(_settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    """Set InfluxDB up and say what was done.

    Raises:
        ValueError: The extra `influx` is not installed, the token's file cannot be read, or the server refused.
    """
    try:
        from cloud.telemetry.influx_setup import Wanted, set_up  # noqa: PLC0415 (an extra of its own)
    except ImportError as error:
        raise ValueError("influx setup needs the extra influx: pip install 'jieyue[influx]'") from error
    try:
        token = arguments.admin_token_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"--admin-token-file: {arguments.admin_token_file} cannot be read: {error.strerror}") from error
    for line in set_up(Wanted(arguments.url, arguments.org, arguments.bucket, token, arguments.tokens)):
        sys.stdout.write(line + "\n")
    return 0
