"""CONTRIBUTING.md is right: its commands run, and each way to add a thing names files and a test that exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.test_docs import ROOT, shell_lines

PAGE = ROOT / "CONTRIBUTING.md"
BIN = ".venv/bin/"
COMMANDS = [line for line in shell_lines(PAGE) if line.startswith(BIN)]
TEXT = PAGE.read_text(encoding="utf-8")
WAYS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
WANTED = {
    "A device model",
    "A protocol",
    "A point",
    "An alert rule",
    "A condition",
    "An indicator or a target",
    "A report",
    "A page",
    "A command",
    "A table",
    "A text",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_does_what_it_should(command: str) -> None:
    """As somebody types it in a checkout, with the environment in which this test runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JIEYUE_", "PYTEST_"))}
    words = command.replace(BIN, f"{Path(sys.executable).parent}/")
    done = subprocess.run(["sh", "-ec", words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_not_run_here_is_make() -> None:
    """Other lines install something or take long: they are targets of make, which `test_docs.py` looks up."""
    others = [line for line in shell_lines(PAGE) if line not in COMMANDS]
    assert all(line.startswith("make ") for line in others)
    assert len(COMMANDS) >= 7


def test_each_way_to_add_names_its_test() -> None:
    """Every kind of thing has a section, which names a test, and what it names is there."""
    assert set(WAYS) >= WANTED
    for way, text in WAYS.items():
        named = re.findall(r"`(tests/[\w/.]+\.py)`", text.partition("Test: ")[2])
        assert named, way
        assert all((ROOT / path).exists() for path in named), way


@pytest.mark.parametrize("folder", sorted(path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and "__" not in path.name))
def test_each_folder_of_tests_is_explained(folder: str) -> None:
    """The table of folders has all of them."""
    table = TEXT.partition("## How tests are cut")[2]
    assert f"`tests/{folder}`" in table
