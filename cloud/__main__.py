"""`jieyue-cloud`: serve the interface, store what gateways send, look after the database and its tokens, print figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from cloud import grafana, preparing
from cloud.alerts import trial
from cloud.alerts.channels import Channel, load_channels
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from cloud.api.params import moment
from cloud.app import Service, prepared_database, run_until_signalled, site_of
from cloud.indicators.figures import targets_of
from cloud.indicators.scopes import UnknownScopeError
from cloud.ledger.counters import Profile
from cloud.ledger.entries import import_csv
from cloud.ledger.periods import local_date
from cloud.ledger.recorded import Change, record_exchange, record_profile
from cloud.printed import table
from cloud.registry.tokens import Role, issue, revoke
from cloud.reports import command as report_command
from cloud.reports.base import ReportError
from cloud.settings import Settings, command_clock, load_settings
from contract.clock import Clock, clock_from_environment
from contract.commandline import FAILED, Parser, ended, fail
from contract.logs import set_up

PROGRAM = "jieyue-cloud"
_FIRST_YEAR, _LAST_YEAR = 2000, 2099


def main() -> None:
    """Entry point: exit code 0 after a clean stop, 1 where the machine refuses, 2 on bad input."""
    arguments = _parser().parse_args()
    set_up()
    sys.exit(ended(PROGRAM, lambda: _COMMANDS[arguments.command](load_settings(), clock_from_environment(), arguments)))


def _at(text: str) -> int:
    try:
        return moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _year(text: str) -> int:
    if text.isascii() and text.isdigit() and _FIRST_YEAR <= int(text) <= _LAST_YEAR:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a year from {_FIRST_YEAR} to {_LAST_YEAR}, got {text!r}")


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM,
        description="The cloud service.",
        epilog="Settings come from the environment: JIEYUE_DATA, JIEYUE_SITE, JIEYUE_DATABASE, JIEYUE_TELEMETRY, JIEYUE_MQTT_HOST, "
        "JIEYUE_MQTT_PORT, JIEYUE_BIND, JIEYUE_PORT and so on.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = _add(commands, "serve", "interface, pages and ingest in one process, until stopped")
    serve.add_argument("--no-ingest", action="store_true", help="interface and pages only; another process stores")
    _add(commands, "ingest", "store what gateways send, without an interface, until stopped")
    _add(commands, "migrate", "bring the database to the newest schema and seed it from the site")
    token = _add(commands, "token", "issue an API token and print it once")
    token.add_argument("name", metavar="NAME", help="who or what will use it")
    token.add_argument("--role", type=Role, choices=list(Role), default=Role.VIEWER, help="what it may do (default viewer)")
    entries = _add(commands, "import", "enter amounts that no device counts, from a CSV file with the columns meter, month and amount")
    entries.add_argument("file", type=Path, metavar="FILE", help="amounts in the unit of the factor table, months as YYYY-MM")
    entries.add_argument("--by", default="command line", metavar="NAME", help="who enters them (default: command line)")
    _record_parsers(commands)
    _target_parser(commands)
    grafana.add_parser(commands)
    report_command.add_arguments(_add(commands, "report", "make a report as PDF or XLSX"))
    preparing.add_parsers(commands)
    alerts = _add(commands, "alerts", "check alert rules and channels, try channels").add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    check = _add(alerts, "check", "say what is wrong with rules and channels, or how many rules are fine and which channels there are")
    check.add_argument(
        "--rules", type=Path, metavar="DIR", help="folder with a YAML file a rule (default: JIEYUE_RULES or the shipped ones)"
    )
    tried = _add(alerts, "test", "send a trial message to channels and say which of them took it")
    tried.add_argument("channels", nargs="*", metavar="CHANNEL", help="name of a channel (default all)")
    return parser


def _add(commands: argparse._SubParsersAction[Parser], name: str, text: str) -> Parser:
    return commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")


def _target_parser(commands: argparse._SubParsersAction[Parser]) -> None:
    targets = _add(commands, "targets", "print how the yearly targets stand, as /api/v1/targets answers")
    targets.add_argument("--year", type=_year, metavar="Y", help="year of the targets (default this year)")
    targets.add_argument("--scope", default="district", metavar="S", help="district, compound:ID or unit:ID (default district)")
    targets.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of the table (default zh)")
    targets.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _record_parsers(commands: argparse._SubParsersAction[Parser]) -> None:
    withdrawn = _add(commands, "revoke", "revoke all API tokens of a name at once")
    withdrawn.add_argument("name", metavar="NAME", help="whose tokens")
    exchange = _add(commands, "exchange", "record that a meter was exchanged, or its transformers")
    exchange.add_argument("meter", metavar="METER", help="id of the meter")
    exchange.add_argument("--at", type=_at, required=True, metavar="TIME", help="when, such as 2026-03-01T10:00:00+08:00")
    exchange.add_argument(
        "--last", type=float, required=True, metavar="X", help="what it showed last, in the point's unit and with the old ratio"
    )
    exchange.add_argument("--first", type=float, required=True, metavar="X", help="what it showed first afterwards, with the new ratio")
    exchange.add_argument("--reason", required=True, metavar="TEXT", help="why, for whoever audits it")
    profile = _add(commands, "profile", "record how a meter's gaps are spread over the hours of a week from a moment on")
    profile.add_argument("meter", metavar="METER", help="id of the meter")
    profile.add_argument("file", type=Path, metavar="FILE", help="168 whole numbers, Monday 00:00 in Shanghai first")
    profile.add_argument(
        "--from", dest="valid_from", type=_at, required=True, metavar="TIME", help="since when, such as 2026-03-01T00:00:00+08:00"
    )
    for recorded in (exchange, profile):
        recorded.add_argument("--by", default="command line", metavar="NAME", help="who records it (default: command line)")


def _serve(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    return _run(settings, clock, serve=True, ingest=not arguments.no_ingest)


def _ingest(settings: Settings, clock: Clock, _arguments: argparse.Namespace) -> int:
    return _run(settings, clock, serve=False, ingest=True)


def _run(settings: Settings, clock: Clock, *, serve: bool, ingest: bool) -> int:
    import uvloop  # noqa: PLC0415 (only the service needs it)

    settings.mqtt_password()
    service = Service(settings, clock)
    uvloop.run(run_until_signalled(service, serve=serve, ingest=ingest))
    return 0


def _migrate(settings: Settings, _clock: Clock, _arguments: argparse.Namespace) -> int:
    prepared_database(settings, site_of(settings)).dispose()
    return 0


def _token(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    with _database(settings) as engine:
        text = issue(engine, arguments.name, arguments.role, by="command line", at=clock.now_ms())
    sys.stdout.write(text + "\n")
    return 0


def _import(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    with _database(settings) as engine:
        number = import_csv(engine, arguments.file, arguments.by, clock.now_ms())
    sys.stdout.write(f"{number} amounts entered\n")
    return 0


def _revoke(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    with _database(settings) as engine:
        number = revoke(engine, arguments.name, by="command line", at=clock.now_ms())
    if not number:
        raise ValueError(f"no valid token of {arguments.name!r}")
    sys.stdout.write(f"{number} revoked\n")
    return 0


def _targets(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    now = command_clock(settings, clock).now_ms()
    with _database(settings) as engine:
        try:
            found = targets_of(engine, arguments.year or local_date(now).year, arguments.scope, now)
        except UnknownScopeError as error:
            raise ValueError(f"--scope: {error.args[0]}") from error
    if arguments.json:
        sys.stdout.write(found.model_dump_json(indent=1) + "\n")
    else:
        sys.stdout.writelines(line + "\n" for line in table(found, arguments.lang))
    return 0


def _report(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    wanted = report_command.asked(arguments)
    try:
        with _database(settings) as engine:
            report_command.run(engine, arguments.report, wanted, arguments.output, command_clock(settings, clock).now_ms())
    except ReportError as error:
        return fail(PROGRAM, error, FAILED)
    return 0


def _alerts(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    channels = load_channels(settings.channels)
    if arguments.action == "test":
        return _try(trial.wanted(channels, arguments.channels))
    rules = load_rules(arguments.rules or settings.rules or SHIPPED)
    check_exemptions(site_of(settings), rules)
    sys.stdout.write(trial.summary(len(rules), channels) + "\n")
    return 0


def _try(channels: Sequence[Channel]) -> int:
    code = 0
    for channel in channels:
        why_not = trial.send(channel)
        sys.stdout.write(f"{channel.name}: " + ("sent" if why_not is None else f"not sent: {why_not}") + "\n")
        code = code if why_not is None else FAILED
    return code


def _exchange(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    change = Change(arguments.meter, arguments.at, arguments.last, arguments.first, arguments.reason)
    with _database(settings) as engine:
        record_exchange(engine, change, arguments.by, clock.now_ms())
    return 0


def _profile(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    try:
        words = arguments.file.read_text(encoding="utf-8").replace(",", " ").split()
        profile = Profile(arguments.valid_from, tuple(map(int, words)))
    except (OSError, ValueError) as error:
        raise ValueError(f"{arguments.file}: {error}") from error
    with _database(settings) as engine:
        record_profile(engine, arguments.meter, profile, arguments.by, clock.now_ms())
    return 0


@contextmanager
def _database(settings: Settings) -> Iterator[sa.Engine]:
    engine = prepared_database(settings, site_of(settings))
    try:
        yield engine
    finally:
        engine.dispose()


_COMMANDS: dict[str, Callable[[Settings, Clock, argparse.Namespace], int]] = {
    "broker": preparing.broker,
    "alerts": _alerts,
    "exchange": _exchange,
    "grafana": grafana.command,
    "import": _import,
    "influx": preparing.influx,
    "ingest": _ingest,
    "migrate": _migrate,
    "profile": _profile,
    "report": _report,
    "resend": preparing.resend,
    "revoke": _revoke,
    "serve": _serve,
    "targets": _targets,
    "token": _token,
}

if __name__ == "__main__":
    main()
