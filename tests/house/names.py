"""The names that the product gives to things: modules, classes, functions, fields and constants, with the places where they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contract", "protocols", "edge", "cloud", "simulators")
_GENERATED = ("sparkplug_b_pb2", "migrations")


def defined() -> set[str]:
    """Every name with dots, such as `cloud.devices.model.Life.is_fresh`; of a package, its own."""
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if not any(word in path.as_posix() for word in _GENERATED):
                parts = path.relative_to(ROOT).with_suffix("").parts
                module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found |= {module, *_in(ast.parse(path.read_text(encoding="utf-8")), module)}
    return found


def _in(body: ast.AST, place: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{place}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _in(node, f"{place}.{node.name}")
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        yield from (f"{place}.{target.id}" for target in targets if isinstance(target, ast.Name))


def called(names: set[str], word: str) -> set[str]:
    """The names that are a word, or end with it behind a dot."""
    return {name for name in names if name == word or name.endswith(f".{word}")}
