"""docs/architecture.md follows a reading through files that exist, and decisions have their three parts."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.house.test_docs import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
WAY = TEXT.partition("## The way of a reading")[2].partition("\n## ")[0]
STEPS = re.findall(r"^\d+\. \*\*(.+?)\.?\*\*(.*?)(?=^\d+\. |\Z)", WAY, re.MULTILINE | re.DOTALL)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
PARTS = ["Context", "Choice", "Consequence"]


def test_a_file_is_named_with_its_folder() -> None:
    """So that it can be opened, and that `test_docs.py` sees whether it is there; what stands in each slice is called by its name alone."""
    bare = set(re.findall(r"`([\w-]+\.(?:py|js))`", TEXT))
    assert bare == {"tables.py"}


@pytest.mark.parametrize(("step", "text"), STEPS, ids=[step for step, _ in STEPS])
def test_each_step_of_a_reading_names_its_files(step: str, text: str) -> None:
    """Behind "Files", at least two, and each is there."""
    named = re.findall(r"`([\w/]+\.(?:py|js))`", text.partition("*Files:*")[2])
    assert len(named) >= 2, step
    assert all((ROOT / path).is_file() for path in named)


def test_the_way_has_all_its_steps() -> None:
    """From the register to the page."""
    assert [step for step, _ in STEPS] == [
        "Driver",
        "Poller",
        "Outbox",
        "Uplink",
        "Ingest",
        "Ledger",
        "Indicators",
        "Interface and pages",
    ]


@pytest.mark.parametrize("side", ["edge", "cloud"])
def test_the_layers_are_those_that_are_linted(side: str) -> None:
    """The line in the document leaves some modules out, and puts none above another that the import rules have below it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one.get("containers") == [side])
    place = {name: number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    line = re.search(rf"^{side}: +(.+)$", TEXT, re.MULTILINE)
    assert line is not None
    told = [[place[name] for name in layer.split(" | ")] for layer in line[1].split(" -> ")]
    assert all(max(above) < min(below) for above, below in pairwise(told))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_context_choice_and_consequence(decision: Path) -> None:
    """Under these headings, in this order, each with something to say; other headings may stand below."""
    text = decision.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(found)[:3] == PARTS
    assert all(len(found[part].split()) >= 8 for part in PARTS)
