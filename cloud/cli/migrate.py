"""`jieyue-cloud migrate`: the one command that changes a schema."""

from __future__ import annotations

import argparse

from cloud.cli.shared import add
from cloud.indicators.figures import seed_factors
from cloud.opening import reached
from cloud.platform.migrating import migrate
from cloud.settings import Settings
from contract.clock import Clock
from contract.commandline import Commands, Parser


def add_parser(commands: Commands[Parser]) -> None:
    """Say what the command takes."""
    add(commands, "migrate", "bring the database to the newest schema, with the factors that this version knows", run)


def run(settings: Settings, _clock: Clock, _arguments: argparse.Namespace) -> int:
    """Migrate; done again, it changes nothing."""
    settings.data.mkdir(parents=True, exist_ok=True)
    with reached(settings) as engine:
        migrate(engine)
        seed_factors(engine)
    engine.dispose()
    return 0
