"""What the product imports is declared, and what is declared is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"contract", "protocols", "edge", "cloud", "simulators", "dashboards", "bench", "tests"}
MAY = {
    "contract": [],
    "protocols": ["edge", "simulators"],
    "edge": ["edge"],
    "cloud": ["cloud", "grafana", "influx", "reports"],
    "simulators": ["simulators", "cloud", "demo"],
}
"""The extras of whoever installs a package of ours; what all need is in `dependencies`."""
UNSEEN = {
    "httptools": "uvicorn reads requests with it, in the protocol that ours derives from",
    "psycopg": "SQLAlchemy imports it by the address of the database",
    "pyserial": "pymodbus and the simulators' lines open ports with it",
}
"""Declared though no line of ours imports it by name."""


def _named(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return _plain(found.group())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(package: str) -> dict[frozenset[str], str]:
    """What a package of ours imports, also by its name: the distributions that may bring it, and a file that imports it."""
    owners, found = packages_distributions(), {}
    for path in (ROOT / package).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names = re.findall(r'\blibrary\("(\w+)"\)', text)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.append(f"{node.module}.{node.names[0].name}" if node.module == "google" else node.module)
        for top in {name.split(".")[0] for name in names} - OURS - set(sys.stdlib_module_names):
            found[frozenset(map(_plain, owners[top]))] = str(path.relative_to(ROOT))
    return found


@pytest.mark.parametrize("package", MAY)
def test_each_import_is_declared(package: str) -> None:
    """A package that only another one brings along may be gone with the next version of that."""
    declared = {_named(one) for one in [*PROJECT["dependencies"], *(one for extra in MAY[package] for one in EXTRAS[extra])]}
    assert [(sorted(names), path) for names, path in _imported(package).items() if declared.isdisjoint(names)] == []


def test_each_declared_package_is_used() -> None:
    """Nobody installs what nothing uses."""
    used = {name for package in MAY for names in _imported(package) for name in names}
    every = {_named(one) for one in [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]}
    assert every - used - {"jieyue"} - set(UNSEEN) == set()
