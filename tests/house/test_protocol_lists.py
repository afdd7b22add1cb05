"""A protocol that ships stands in every list that names protocols; nobody notices otherwise that lint passes it by."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = sorted(f"protocols.{path.name}" for path in (ROOT / "protocols").iterdir() if (path / "__init__.py").exists())


def contract(name: str) -> dict[str, Any]:
    (found,) = (one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["name"] == name)
    return dict(found)


def test_each_has_an_entry_point() -> None:
    """A folder is found by nothing else."""
    assert {"protocols.jt808", "protocols.modbus", "protocols.mqtt"} <= set(SHIPPED)
    assert sorted(PROJECT["project"]["entry-points"]["jieyue.protocols"].values()) == SHIPPED


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("protocols: driver | device -> codec -> model, in each", "containers"),
        ("protocols do not know each other", "modules"),
        ("what protocols share knows none of them", "forbidden_modules"),
    ],
)
def test_each_is_linted(name: str, field: str) -> None:
    """Its own layers, its independence from the others, and that nothing shared knows it."""
    assert sorted(contract(name)[field]) == SHIPPED


def test_what_protocols_share_is_linted_too() -> None:
    """Each module beside the protocols' folders."""
    shared = sorted(f"protocols.{path.stem}" for path in (ROOT / "protocols").glob("*.py") if path.stem != "__init__")
    assert sorted(contract("what protocols share knows none of them")["source_modules"]) == shared
