"""`jieyue-cloud alerts`: check alert rules and channels, see what rules say now, try channels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.alerts import looking, trial
from cloud.alerts.channels import load_channels
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from cloud.cli.shared import add, add_actions, add_group, database
from cloud.opening import entered_site, entered_sites, site_of
from cloud.settings import Settings, command_clock
from cloud.texts import in_words
from contract.clock import Clock
from contract.commandline import FAILED, Commands, Parser
from contract.site import Site
from contract.yamlfile import ConfigError

_LOOK = (
    "Looks at what is known now with each rule, and prints what is beyond its limit and of how many devices or meters it can say nothing. "
    "Raises no alert, tells nobody, waits for no time. A rule that compares looks (meter_stuck) says nothing at this one look."
)


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    actions = add_actions(add(commands, "alerts", "check alert rules and channels, see what rules say now, try channels", _check))
    check = add(
        actions, "check", "say what is wrong with rules and channels, or how many rules are fine and which channels there are", _check
    )
    _add_rules(check)
    look = add(actions, "look", "print which devices and meters are beyond the limit of which rule now", _look, _LOOK)
    _add_rules(look)
    add_group(look)
    tried = add(actions, "test", "send a trial message to channels and say which of them took it", _try)
    tried.add_argument("channels", nargs="*", metavar="CHANNEL", help="name of a channel (default all)")


def _add_rules(parser: Parser) -> None:
    parser.add_argument(
        "--rules", type=Path, metavar="DIR", help="folder with a YAML file a rule (default: JIEYUE_RULES or the shipped ones)"
    )


def _check(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    channels = load_channels(settings.channels)
    rules = load_rules(arguments.rules or settings.rules or SHIPPED)
    for site in _sites(settings):
        check_exemptions(site, rules)
    sys.stdout.write(trial.summary(len(rules), channels) + "\n")
    return 0


def _look(settings: Settings, clock: Clock, arguments: argparse.Namespace) -> int:
    rules = load_rules(arguments.rules or settings.rules or SHIPPED)
    with database(settings) as engine:
        looks = list(looking.look(engine, entered_site(engine, arguments.group), rules, command_clock(settings, clock).now_ms()))
    for look in looks:
        sys.stdout.writelines(f"{look.rule.id}: {line}\n" for line in trial.told(look))
    return 0


def _sites(settings: Settings) -> list[Site]:
    """Whose exemptions are checked: the files that the settings name, before they are entered; else what was entered, if anything."""
    if settings.site:
        return [site_of(settings)]
    try:
        with database(settings) as engine:
            return list(entered_sites(engine).values())
    except ConfigError:
        return []  # rules and channels may be tried before there is a site


def _try(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    code = 0
    for channel in trial.wanted(load_channels(settings.channels), arguments.channels):
        why_not = trial.send(channel)
        sys.stdout.write(f"{channel.name}: " + ("sent" if why_not is None else f"not sent: {in_words(why_not, 'en')}") + "\n")
        code = code if why_not is None else FAILED
    return code
