"""`jieyue-cloud influx`: prepare InfluxDB 2.x."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.cli.shared import add, add_actions
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.secret import SecretError, read_secret

_ABOUT = "Make the bucket, the name for /write and /query, and tokens for cloud and grafana (which only reads). What works is kept."


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    influx = add(commands, "influx", "prepare InfluxDB 2.x", run, "Prepare InfluxDB 2.x for the service and for Grafana.")
    setup = add(add_actions(influx), "setup", "bucket, database name and tokens", run, _ABOUT)
    setup.add_argument("--url", required=True, metavar="URL", help="where InfluxDB is, such as http://influxdb:8086")
    setup.add_argument(
        "--admin-token-file", type=Path, required=True, metavar="FILE", help="holds a token that may make buckets and tokens"
    )
    setup.add_argument("--tokens", type=Path, required=True, metavar="DIR", help="where the tokens are written, a file each user")
    setup.add_argument("--org", default="jieyue", metavar="NAME", help="the organisation (default jieyue)")
    setup.add_argument("--bucket", default="jieyue", metavar="NAME", help="name of bucket and database (default jieyue)")


def run(_settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    """Set InfluxDB up and say what was done.

    Raises:
        ValueError: The extra `influx` is not installed, the token's file cannot be read, or the server refused.
    """
    try:
        from cloud.telemetry.influx_setup import Wanted, set_up  # noqa: PLC0415 (an extra of its own)
    except ImportError as error:
        raise ValueError("influx setup needs the extra influx: pip install 'jieyue[influx]'") from error
    try:
        token = read_secret(arguments.admin_token_file)
    except OSError as error:
        raise ValueError(f"--admin-token-file: {arguments.admin_token_file} cannot be read: {error.strerror}") from error
    except SecretError as error:
        raise ValueError(f"--admin-token-file: {arguments.admin_token_file} cannot be read: {error}") from error
    for line in set_up(Wanted(arguments.url, arguments.org, arguments.bucket, token, arguments.tokens), clock.now_ms()):
        sys.stdout.write(line + "\n")
    return 0
