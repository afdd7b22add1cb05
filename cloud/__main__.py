"""`jieyue-cloud`: serve the interface, store what gateways send, look after the database and its tokens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from cloud.api.params import moment
from cloud.app import Service, prepared_database, run_until_signalled, site_of
from cloud.indicators.figures import targets_of
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger.counters import Profile
from cloud.ledger.entries import import_csv
from cloud.ledger.periods import local_date
from cloud.ledger.recorded import Change, record_exchange, record_profile
from cloud.registry.tokens import Role, issue, revoke
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
    _record_parsers(commands)
    return parser


def _record_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    revoke = commands.add_parser("revoke", help="revoke all API tokens of a name at once")
    revoke.add_argument("name", help="whose tokens")
    targets = commands.add_parser("targets", help="print the targets of a year as JSON")
    targets.add_argument("--year", type=int, help="this year unless said otherwise")
    targets.add_argument("--scope", default="district", help="district, compound:ID or unit:ID")
    exchange = commands.add_parser("exchange", help="record that a meter was exchanged, or its transformers")
    exchange.add_argument("meter", help="id of the meter")
    exchange.add_argument("--at", required=True, help="when, such as 2026-03-01T10:00:00+08:00")
    exchange.add_argument("--last", type=float, required=True, help="what it showed last, in the point's unit and with the old ratio")
    exchange.add_argument("--first", type=float, required=True, help="what it showed first afterwards, with the new ratio")
    exchange.add_argument("--reason", required=True)
    profile = commands.add_parser("profile", help="record how a meter's gaps are spread over the hours of a week from a moment on")
    profile.add_argument("meter", help="id of the meter")
    profile.add_argument("file", type=Path, help="168 whole numbers, Monday 00:00 in Shanghai first")
    profile.add_argument("--from", dest="valid_from", required=True, help="since when, such as 2026-03-01T00:00:00+08:00")
    for recorded in (exchange, profile):
        recorded.add_argument("--by", default="command line", help="who records it")


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
    with _database(settings) as engine:
        text = issue(engine, arguments.name, arguments.role, by="command line", at=clock_from_environment().now_ms())
    sys.stdout.write(text + "\n")
    return 0


def _import(settings: Settings, arguments: argparse.Namespace) -> int:
    with _database(settings) as engine:
        number = import_csv(engine, arguments.file, arguments.by, clock_from_environment().now_ms())
    sys.stdout.write(f"{number} amounts entered\n")
    return 0


def _revoke(settings: Settings, arguments: argparse.Namespace) -> int:
    with _database(settings) as engine:
        number = revoke(engine, arguments.name, by="command line", at=clock_from_environment().now_ms())
    if not number:
        raise ValueError(f"no valid token of {arguments.name!r}")
    sys.stdout.write(f"{number} revoked\n")
    return 0


def _targets(settings: Settings, arguments: argparse.Namespace) -> int:
    now = clock_from_environment().now_ms()
    year = local_date(now).year if arguments.year is None else arguments.year
    with _database(settings) as engine:
        try:
            answer = targets_of(engine, year, arguments.scope, now)
        except UnknownScopeError as error:
            raise ValueError(str(error)) from error
    sys.stdout.write(answer.model_dump_json(indent=1) + "\n")
    return 0


def _exchange(settings: Settings, arguments: argparse.Namespace) -> int:
    change = Change(arguments.meter, _moment("--at", arguments.at), arguments.last, arguments.first, arguments.reason)
    with _database(settings) as engine:
        record_exchange(engine, change, arguments.by, clock_from_environment().now_ms())
    return 0


def _profile(settings: Settings, arguments: argparse.Namespace) -> int:
    try:
        words = arguments.file.read_text(encoding="utf-8").replace(",", " ").split()
        profile = Profile(_moment("--from", arguments.valid_from), tuple(map(int, words)))
    except (OSError, ValueError) as error:
        raise ValueError(f"{arguments.file}: {error}") from error
    with _database(settings) as engine:
        record_profile(engine, arguments.meter, profile, arguments.by, clock_from_environment().now_ms())
    return 0


def _moment(option: str, text: str) -> int:
    try:
        return moment(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from error


@contextmanager
def _database(settings: Settings) -> Iterator[sa.Engine]:
    engine = prepared_database(settings, site_of(settings))
    try:
        yield engine
    finally:
        engine.dispose()


_COMMANDS = {
    "exchange": _exchange,
    "import": _import,
    "ingest": _ingest,
    "migrate": _migrate,
    "profile": _profile,
    "revoke": _revoke,
    "serve": _serve,
    "targets": _targets,
    "token": _token,
}

if __name__ == "__main__":
    main()
