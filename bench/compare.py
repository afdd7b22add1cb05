"""Old against new: benches of another commit's product and of this one's, in turns, and the ratios of each pair.

A machine's speed drifts by more than most changes are worth, so what counts is a pair: both run within minutes of each other,
and every second pair begins with the other. This tree's benches measure both, so that the same is asked of both; they keep
to what both products have. The old one is a worktree with an environment of its own below `build/compare`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAIRS = 7
"""Fewer say little: the quartiles of seven are two of the seven."""
NAMES = ("edge", "ingest", "settle")
_NOT_HANDED_ON = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}
"""Of our environment. An installed product has its bytecode; without it each start would be that of a compiler, a tenth longer."""
ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "compare"


class CompareError(RuntimeError):
    """The two cannot be compared; one line says why."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product that can be measured: the Python whose environment has it, and its name for people."""

    python: Path
    name: str


def run(commit: str, names: Sequence[str], pairs: int = PAIRS) -> None:
    """Measure in turns, and print one line a figure: the median of new/old, its quartiles, and both medians.

    Args:
        commit: What git calls the old one.
        names: Benches to run; none: edge, ingest and settle.
        pairs: How many pairs.

    Raises:
        CompareError: There is no such commit, its environment cannot be made, or a bench failed.
    """
    old, new = _old(commit), _new()
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    lines: dict[str, dict[str, str]] = {}
    for number in range(pairs):
        for name in names or NAMES:
            sys.stderr.write(f"bench: pair {number + 1} of {pairs}: {name}\n")
            turns = (old, new) if number % 2 == 0 else (new, old)
            measured = {product.name: _measure(product, name) for product in turns}
            for figure, line in measured[new.name].items():
                lines[figure] = line
                if figure in measured[old.name]:
                    found[figure].append((float(measured[old.name][figure]["value"]), float(line["value"])))
    for figure, values in found.items():
        sys.stdout.write(json.dumps(summary(lines[figure], values, old.name), ensure_ascii=False) + "\n")


def summary(line: Mapping[str, str], values: Sequence[tuple[float, float]], old: str) -> dict[str, object]:
    """One figure's line: `value` is the median of new/old of all pairs, with its quartiles; of a pair with an old 0 there is none."""
    ratios = [new / before for before, new in values if before]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3 or [float("nan")] * 3
    return {
        "name": f"{line['name']}.ratio",
        "value": round(middle, 4),
        "unit": "new/old",
        "what": f"{line['what']}; this tree beside {old}",
        "quartiles": [round(low, 4), round(high, 4)],
        "pairs": len(ratios),
        "old": statistics.median(before for before, _ in values),
        "new": statistics.median(new for _, new in values),
        "of": line["unit"],
        "machine": line["machine"],
    }


def _old(commit: str) -> Product:
    """The product of a commit, made where it is not there yet."""
    if (asked := _git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")).returncode:
        raise CompareError(f"COMPARE: expected a commit of this repository, got {commit!r}")
    full = asked.stdout.strip()
    folder = BUILD / full[:12]
    tree, environment = folder / "tree", folder / "venv"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _git("worktree", "prune")
        sys.stderr.write(f"bench: making {folder.relative_to(ROOT)} with an environment of its own; this takes a minute\n")
        if (made := _git("worktree", "add", "--detach", str(tree), full)).returncode:
            raise CompareError(f"COMPARE: {made.stderr.strip().splitlines()[-1]}")
        _install(environment, tree)
        (folder / "made").touch()
    return Product(environment / "bin" / "python", commit)


def _new() -> Product:
    """This tree, in an environment as the old one's: what only development needs costs start and memory where it can be imported."""
    environment, made = BUILD / "new" / "venv", BUILD / "new" / "made"
    if not made.exists() or made.stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        shutil.rmtree(environment.parent, ignore_errors=True)
        _install(environment, ROOT)
        made.touch()
    return Product(environment / "bin" / "python", "new")


def _install(environment: Path, tree: Path) -> None:
    _do([sys.executable, "-m", "venv", str(environment)])
    _do([str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--editable", f"{tree}[demo]"])


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607 (git)


def _do(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    if done.returncode:
        raise CompareError(f"COMPARE: {' '.join(argv[:3])} failed: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def _measure(product: Product, name: str) -> dict[str, dict[str, str]]:
    """The figures of one bench by name, of the product that an environment has.

    It runs in a folder where of this tree nothing but the benches can be imported.
    """
    here = BUILD / "here"
    here.mkdir(parents=True, exist_ok=True)
    if not (here / "bench").exists():
        (here / "bench").symlink_to(ROOT / "bench")
    environment = {key: value for key, value in os.environ.items() if key not in _NOT_HANDED_ON}
    argv = [str(product.python), "-m", "bench", name]
    done = subprocess.run(argv, cwd=here, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own)
    if done.returncode:
        raise CompareError(f"COMPARE: {name} of {product.name} failed: {done.stderr.strip()[-2000:]}")
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
