"""docs/alerts.md says what every rule and condition is, and its examples work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cloud.alerts.channels import load_channels
from cloud.alerts.observe import CONDITIONS
from cloud.alerts.ruleset import SHIPPED, check_exemptions, load_rules
from contract.operation import Operation
from contract.site import load_site
from contract.sitefolder import shipped_site
from tests import commands

DOC = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", DOC, re.DOTALL)


def block(kind: str, holding: str) -> str:
    """The example of a kind that holds some text."""
    (found,) = [text for of, text in BLOCKS if of == kind and holding in text]
    return found


@pytest.mark.parametrize("name", sorted(load_rules()))
def test_every_rule_says_what_to_do(name: str) -> None:
    """A technician who gets an alert finds its name, its title and what to do."""
    section = DOC.split(f"### {name}\n")[1].split("\n### ")[0]
    assert load_rules()[name].title.zh in section
    assert "*What to do:*" in section


@pytest.mark.parametrize("name", sorted(CONDITIONS))
def test_every_condition_is_listed(name: str) -> None:
    """An engineer sees what there is before writing another."""
    assert f"| `{name}` |" in DOC


def test_the_example_of_a_site_loads() -> None:
    """Hours, days and the exemption are what the site's model takes."""
    operation = Operation.model_validate(yaml.load(block("yaml", "exemptions"), yaml.BaseLoader)["operation"])  # noqa: S506 (texts only)
    site = load_site(shipped_site("lizhou")).model_copy(update={"operation": operation})
    check_exemptions(site, load_rules())
    assert site.operation.exemptions[0].subjects == ["c3-ac-04"]


def test_the_commands_do_what_is_said(tmp_path: Path) -> None:
    """Followed line by line: a copied rule is checked with the others, and so are channels with their secrets elsewhere."""
    (tmp_path / "cloud" / "alerts").mkdir(parents=True)
    (tmp_path / "cloud" / "alerts" / "rules").symlink_to(SHIPPED)
    (tmp_path / "channels.yaml").write_text(block("yaml", "channels:"), encoding="utf-8")
    program = tmp_path / "bin" / "jieyue-cloud"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -W ignore -m cloud "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    root = str(Path(__file__).parents[3])
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PYTHONPATH": root}
    shipped = len(load_rules())
    for text, said in (
        (block("sh", "my-rules"), f"{shipped + 1} rules are fine\n"),
        (block("sh", "duty-url"), f"{shipped} rules are fine; 2 channels: duty, chief\n"),
    ):
        done = subprocess.run(
            ["sh", "-e", "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (0, said), done.stderr
    assert (tmp_path / "duty-url").stat().st_mode & 0o077 == 0


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    """Exit code 2 and one line with file, line, field and what was expected."""
    (tmp_path / "bad.yaml").write_text((SHIPPED / "after_hours.yaml").read_text(encoding="utf-8").replace('"on"', "onn"), encoding="utf-8")
    done = commands.run("cloud", "alerts", "check", "--rules", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path / 'bad.yaml'}:5: point: no such point; expected a name of contract/point.py, got 'onn'" in done.stderr


def test_no_channel_is_needed() -> None:
    """Without a settings file nobody is told, and alerts show it."""
    assert load_channels(None) == []
