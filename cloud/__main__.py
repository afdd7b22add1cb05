"""`jieyue-cloud`: serve the interface, store what gateways send, look after the database and its tokens."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.app import Service, prepared_database, run_until_signalled, site_of
from cloud.ledger.entries import import_csv
from cloud.registry.tokens import Role, issue
from cloud.settings import Settings, load_settings
from contract.clock import clock_from_environment
from contract.logs import set_up
from contract.yamlfile import ConfigError


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 2 on bad input."""
    arguments = _parser().parse_args()
    set_up()
    try:
        sys.exit(_COMMANDS[arguments.command](load_settings(), arguments))
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"jieyue-cloud: {error}\n")
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jieyue-cloud",
        description="The cloud service. Settings come from the environment: JIEYUE_DATA, JIEYUE_SITE, JIEYUE_MQTT_HOST …",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="interface, pages and ingest in one process")
    serve.add_argument("--no-ingest", action="store_true", help="interface and pages only; another process stores")
    commands.add_parser("ingest", help="store what gateways send, without an interface")
    commands.add_parser("migrate", help="bring the database to the newest schema and seed it from the site")
    token = commands.add_parser("token", help="issue an API token and print it once")
    token.add_argument("name", help="who or what will use it")
    token.add_argument("--role", type=Role, choices=list(Role), default=Role.VIEWER)
    entries = commands.add_parser("import", help="enter amounts that no device counts, from a CSV file with meter, month, amount")
    entries.add_argument("file", type=Path, help="amounts in the unit of the factor table, months as YYYY-MM")
    entries.add_argument("--by", default="command line", help="who enters them")
    return parser


def _serve(settings: Settings, arguments: argparse.Namespace) -> int:
    return _run(settings, serve=True, ingest=not arguments.no_ingest)


def _ingest(settings: Settings, _arguments: argparse.Namespace) -> int:
    return _run(settings, serve=False, ingest=True)


def _run(settings: Settings, *, serve: bool, ingest: bool) -> int:
    import uvloop  # noqa: PLC0415 (only the service needs it)

    service = Service(settings, clock_from_environment())
    uvloop.run(run_until_signalled(service, serve=serve, ingest=ingest))
    return 0


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> int:
    prepared_database(settings, site_of(settings)).dispose()
    return 0


def _token(settings: Settings, arguments: argparse.Namespace) -> int:
    engine = prepared_database(settings, site_of(settings))
    sys.stdout.write(issue(engine, arguments.name, arguments.role, by="command line", at=clock_from_environment().now_ms()) + "\n")
    engine.dispose()
    return 0


def _import(settings: Settings, arguments: argparse.Namespace) -> int:
    engine = prepared_database(settings, site_of(settings))
    number = import_csv(engine, arguments.file, arguments.by, clock_from_environment().now_ms())
    sys.stdout.write(f"{number} amounts entered\n")
    engine.dispose()
    return 0


_COMMANDS = {"import": _import, "serve": _serve, "ingest": _ingest, "migrate": _migrate, "token": _token}

if __name__ == "__main__":
    main()
