"""`jieyue-cloud alerts`: check alert rules and channels, try channels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cloud.alerts import trial
from cloud.alerts.channels import load_channels
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from cloud.cli.shared import add, add_actions, database
from cloud.opening import entered_sites, site_of
from cloud.settings import Settings
from cloud.texts import in_words
from contract.clock import Clock
from contract.commandline import FAILED, Commands, Parser
from contract.site import Site
from contract.yamlfile import ConfigError


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    actions = add_actions(add(commands, "alerts", "check alert rules and channels, try channels", _check))
    check = add(
        actions, "check", "say what is wrong with rules and channels, or how many rules are fine and which channels there are", _check
    )
    check.add_argument(
        "--rules", type=Path, metavar="DIR", help="folder with a YAML file a rule (default: JIEYUE_RULES or the shipped ones)"
    )
    tried = add(actions, "test", "send a trial message to channels and say which of them took it", _try)
    tried.add_argument("channels", nargs="*", metavar="CHANNEL", help="name of a channel (default all)")


def _check(settings: Settings, _clock: Clock, arguments: argparse.Namespace) -> int:
    channels = load_channels(settings.channels)
    rules = load_rules(arguments.rules or settings.rules or SHIPPED)
    for site in _sites(settings):
        check_exemptions(site, rules)
    sys.stdout.write(trial.summary(len(rules), channels) + "\n")
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
