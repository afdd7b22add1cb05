"""One word for one thing: what docs/glossary.md calls a thing exists in the code, and what it calls "not used" is gone or on a list."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.names import ROOT, called, defined

COLUMNS = ["term", "中文", "in code", "what it is", "from", "not used"]
NAMES = defined()
LEFT = Path(__file__).with_name("words_left.txt")


def rows() -> list[dict[str, str]]:
    """Every term."""
    lines = [line for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells if row != COLUMNS]


ROWS = rows()


def quoted(text: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", text)


def left() -> dict[str, str]:
    """The names that still stand though they are not to be used, with the reason."""
    lines = [line for line in LEFT.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    named = [line.partition(": ") for line in lines]
    assert [name for name, _, _ in named] == sorted({name for name, _, _ in named}), "sorted, and each once"
    return {name: why for name, _, why in named}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["term"])
def test_a_term_is_whole(row: dict[str, str]) -> None:
    """It has Chinese, a name in code that exists, one sentence, and where it comes from."""
    assert re.search("[\u4e00-\u9fff]", row["中文"])
    assert row["what it is"].endswith(".")
    assert row["from"]
    assert quoted(row["in code"])
    for name in quoted(row["in code"]):
        assert called(NAMES, name), f"nothing is called {name}"


def test_each_term_stands_once() -> None:
    """In English and in Chinese."""
    for column in ("term", "中文"):
        words = [word for row in ROWS for word in re.split(", |、", row[column])]
        assert len(words) == len(set(words)), sorted(word for word in words if words.count(word) > 1)


def test_what_is_not_used_is_gone_but_for_what_is_listed() -> None:
    """A name comes back to neither the code nor the list: the list has exactly what stands, each with its reason."""
    standing = {name for row in ROWS for word in quoted(row["not used"]) for name in called(NAMES, word)}
    assert standing == set(left()), "put no new name on the list, and take off what is gone"
    assert all(why.endswith(".") for why in left().values())
