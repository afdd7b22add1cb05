"""`jieyue-cloud organisation`: the tree above districts; say what its file would change, enter it, show it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from cloud.cli.shared import add, add_actions, add_by, add_yes, agreed, database
from cloud.ledger.periods import local_date
from cloud.organisations.file import load_tree
from cloud.organisations.tree import INSTITUTIONS
from cloud.organisations.view import Shown, shown
from cloud.settings import Settings, command_clock
from cloud.sites.organising import TreePlan, enter_tree, plan_tree
from cloud.texts import Language, say
from contract.clock import Clock
from contract.commandline import Commands, Parser

_PLAN = "Say what entering the file of the tree would change, and what of it has no figures yet. Nothing is changed."
_APPLY = "Enter the tree: say what changes, ask, then change all of it at once, on record. What the file does not have is removed."


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    actions = add_actions(add(commands, "organisation", "say what stands above districts, and enter it", _show))
    plan = add(actions, "plan", "say what entering the file of the tree would change", _plan, _PLAN)
    apply = add(actions, "apply", "enter the tree, after it was said what changes", _apply, _APPLY)
    for parser in (plan, apply):
        parser.add_argument("file", type=Path, metavar="FILE", help="YAML file with all organisations")
    add_yes(apply)
    add_by(apply, "enters it")
    show = add(actions, "show", "print the tree as it was entered, with the institutions of each district", _show)
    show.add_argument("--lang", choices=["zh", "en"], default="zh", help="language of names (default zh)")


def _plan(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    stated = list(load_tree(arguments.file).stated())
    with database(settings) as engine, engine.connect() as connection:
        sys.stdout.writelines(line + "\n" for line in _told(plan_tree(connection, stated)))
    return 0


def _apply(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    stated = list(load_tree(arguments.file).stated())
    with database(settings) as engine:
        with engine.connect() as connection:
            plan = plan_tree(connection, stated)
        sys.stdout.writelines(line + "\n" for line in _told(plan))
        if plan.changes and not arguments.yes:
            agreed()
        enter_tree(engine, stated, plan.changes, arguments.by, command_clock(settings, clock).now_ms())
    sys.stdout.write("entered\n" if plan.changes else "")
    return 0


def _show(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    today = local_date(command_clock(settings, clock).now_ms()).isoformat()
    with database(settings) as engine, engine.connect() as connection:
        lines = [line for one in shown(connection, today) for line in _lines(one, arguments.lang, 0)]
    sys.stdout.writelines(line + "\n" for line in lines)
    return 0


def _told(plan: TreePlan) -> Iterator[str]:
    """The plan in lines."""
    if not plan.changes:
        yield "nothing changes"
    yield from (str(change) for change in plan.changes)
    yield from (f"note: {doubt}" for doubt in plan.doubts)


def _lines(one: Shown, language: Language, depth: int) -> Iterator[str]:
    """An organisation and all that is below it, one line each."""
    about = [one.scope, say(f"organisation.{one.kind}", language), one.name[language], one.group if one.kind == "district" else None]
    lacking = f" ({say('organisation.not_entered', language)})" if not one.entered and (one.kind in INSTITUTIONS or not one.below) else ""
    yield "  " * depth + " ".join(filter(None, about)) + lacking
    for child in one.below:
        yield from _lines(child, language, depth + 1)
