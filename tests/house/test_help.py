"""Every command explains itself: what it does, and what each of its arguments means."""

from __future__ import annotations

import argparse
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import cloud.__main__
import cloud.cli
import edge.__main__
import edge.cli
import simulators.__main__
from tests import commands

PROGRAMS = {"jieyue-edge": edge.__main__._parser(), "jieyue-cloud": cloud.__main__._parser(), "jieyue-sim": simulators.__main__.parser()}
PROMISED = {
    "jieyue-edge": {"run", "check", "read", "scan"},
    "jieyue-cloud": {"serve", "ingest", "migrate", "import", "ledger", "targets"},
    "jieyue-sim": {"site", "device", "history", "faults"},
}
"""The stable interface."""
ALONE = """
import os, sys
import apprise, fastapi, numpy, pydantic_settings, sqlalchemy, structlog, contract.site
for name in sys.argv[1:]:
    if not os.fork():
        __import__(name)
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from walk(command)


ALL = [parser for program in PROGRAMS.values() for parser in walk(program)]


@pytest.mark.parametrize("parser", ALL, ids=lambda p: p.prog)
def test_a_command_and_each_of_its_arguments_are_described(parser: argparse.ArgumentParser) -> None:
    """--help says what the command does, and for each argument what to give; each placeholder is a word, not a variable."""
    assert len(parser.description or "") > 15
    assert (parser.description or "").endswith(".")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            called = {known.prog.rpartition(" ")[2] for known in action.choices.values()}  # earlier names go on beside them
            assert {choice.dest for choice in action._choices_actions} == called
            assert all(choice.help for choice in action._choices_actions)
            continue
        assert action.help, action.dest
        if action.nargs != 0 and not action.choices:
            shown = action.metavar if isinstance(action.metavar, tuple) else (action.metavar,)
            assert all(isinstance(word, str) and word == word.upper() for word in shown), action.dest


@pytest.mark.parametrize("parser", ALL, ids=lambda p: p.prog)
def test_help_is_printed_by_the_real_command(parser: argparse.ArgumentParser) -> None:
    """`--help` ends with 0 on stdout and says nothing on stderr."""
    program, *command = parser.prog.split()
    module = {"jieyue-edge": "edge", "jieyue-cloud": "cloud", "jieyue-sim": "simulators"}[program]
    words = [w for w in command if w.replace("-", "_").isidentifier() and w.islower()]
    given = ["--data", "x"] if words[:1] == ["faults"] and len(words) > 1 else []
    done = commands.run(module, *words[:1], *given, *words[1:], "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {program}")
    assert all(action.metavar in done.stdout for action in parser._actions if isinstance(action.metavar, str))


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_promised_commands_are_there(program: str) -> None:
    """What the design names as stable exists."""
    (commands,) = [a for a in PROGRAMS[program]._actions if isinstance(a, argparse._SubParsersAction)]
    assert PROMISED[program] <= set(commands.choices)


@pytest.mark.parametrize("folder", [cloud.cli, edge.cli], ids=["cloud", "edge"])
def test_each_command_can_be_imported_alone(folder: ModuleType) -> None:
    """A command imports its own file and no other's, so none may lean on what another imported before it."""
    names = [command.name for command in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}.")]
    done = subprocess.run([sys.executable, "-c", ALONE, *names], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
