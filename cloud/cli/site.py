"""`jieyue-cloud site`: say what entering a site's files would change, and enter them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from cloud.cli.shared import add, add_actions, add_by, add_yes, agreed, database, day
from cloud.indicators import scopes
from cloud.ledger.periods import local_date
from cloud.opening import folder_of, site_in
from cloud.organisations import queries as organisations
from cloud.platform.database import writing
from cloud.restated import Restated, figures, restated, years
from cloud.settings import Settings, command_clock
from cloud.sites.changes import Change
from cloud.sites.entering import By, Plan, enter, enter_site
from contract.clock import Clock
from contract.commandline import Commands, Parser
from contract.site import Site

_PLAN = (
    "Say what entering a site's files would change: what is added, changed, retired or renamed, and which figures that restates, "
    "old and new. Nothing is changed."
)
_APPLY = (
    "Enter a site's files: say what changes and which figures that restates, ask, then change all of it at once, on record. "
    "Nothing else enters a site."
)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a plan found."""

    plan: Plan
    moved: Sequence[Restated]


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    actions = add_actions(add(commands, "site", "say what a site's files change, and enter them", _plan))
    plan = add(actions, "plan", "say what entering a site would change, and which figures that restates", _plan, _PLAN)
    apply = add(actions, "apply", "enter a site, after it was said what changes", _apply, _APPLY)
    for parser in (plan, apply):
        parser.add_argument("folder", metavar="FOLDER", help="the site's folder, or the name of a shipped one")
        parser.add_argument(
            "--from", dest="since", type=day, metavar="DATE", help="day from which new numbers of people and areas hold (default today)"
        )
    add_yes(apply)
    apply.add_argument("--if-empty", action="store_true", help="do nothing where a site was entered; for first starts by programs")
    add_by(apply, "enters it")


def _plan(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    site, by = _asked(settings, clock, arguments, "plan")
    with database(settings) as engine:
        sys.stdout.writelines(line + "\n" for line in _told(site, _look(engine, site, by)))
    return 0


def _apply(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    if arguments.if_empty and _is_entered(settings):
        return 0
    site, by = _asked(settings, clock, arguments, arguments.by)
    with database(settings) as engine:
        looked = _look(engine, site, by)
        sys.stdout.writelines(line + "\n" for line in _told(site, looked))
        if (looked.plan.changes or looked.plan.first) and not arguments.yes:
            agreed()
        enter_site(engine, site, by, looked.plan.changes)
    sys.stdout.write("entered\n" if looked.plan.changes or looked.plan.first else "")
    return 0


def _is_entered(settings: Settings) -> bool:
    with database(settings) as engine, engine.connect() as connection:
        return bool(organisations.groups(connection))


def _asked(settings: Settings, clock: Clock, arguments: argparse.Namespace, name: str) -> tuple[Site, By]:
    now = command_clock(settings, clock).now_ms()
    since: date | None = arguments.since
    return site_in(folder_of(arguments.folder, "FOLDER")), By(name, now, since or local_date(now))


def _look(engine: sa.Engine, site: Site, by: By) -> _Looked:
    """Enter the site, look what became of the figures, and take all of it back."""
    with engine.connect() as connection:
        before = scopes.load(connection, site.group)
    with writing(engine).connect() as connection, connection.begin() as transaction:
        plan = enter(connection, site, by)
        after = scopes.load(connection, site.group)
        of = years((before, after), by.now)
        new = figures(connection, site.group, of, by.now) if after != before else {}
        transaction.rollback()
    with engine.connect() as connection:
        old = figures(connection, site.group, of, by.now) if after != before else {}
    return _Looked(plan, list(restated(old, new, plan.units)))


def _told(site: Site, looked: _Looked) -> Iterator[str]:
    """The plan in lines."""
    if looked.plan.first:
        yield f"the first site: {site.id}, {_counted(site)}"
    elif not looked.plan.changes:
        yield "nothing changes"
    yield from (str(change) for change in _listed(looked.plan))
    yield from (f"note: {doubt}" for doubt in looked.plan.doubts)
    if looked.plan.changes and not looked.plan.first:
        later = any(change.done == "recounted" for change in looked.plan.changes)
        yield f"figures restated: {len(looked.moved) or 'none'}" + (" at once; others when the meters are counted anew" if later else "")
    yield from (f"  {moved}" for moved in looked.moved)


def _listed(plan: Plan) -> Sequence[Change]:
    return () if plan.first else plan.changes


def _counted(site: Site) -> str:
    numbers = {"unit": len(site.units), "meter": len(site.meters), "device": len(site.devices), "gateway": len(site.gateways)}
    return ", ".join(f"{number} {what}{'s' * (number != 1)}" for what, number in numbers.items())
