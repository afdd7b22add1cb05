"""Runs the suite: parts side by side that take about as long as each other, and then the journeys, whose programs need room.

`python tests/suite.py COMMAND …`: the command that runs pytest; the paths of tests are added. `--at FOLDER` is put before each of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

LOGS = Path("build")
_ROOMS = "house deploy profiles contract edge protocols simulators grafana truth cloud/alerts"
FIRST = [f"tests/{name}" for name in _ROOMS.split()]
DEMO = [f"tests/journey/test_{name}.py" for name in ("demo", "foreign_node", "straight_line")]
LAST = ["tests/journey", "tests/storm"]
TURNS: tuple[tuple[list[str], ...], ...] = (
    (["tests", *(f"--ignore={path}" for path in (*FIRST, *LAST))], FIRST),
    (["tests/journey", *(f"--ignore={path}" for path in DEMO)], DEMO, ["tests/storm"]),
)
"""What runs after what; each turn's parts run together."""


def main() -> int:
    """Run all; 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("--at", default="", metavar="FOLDER", help="where the tests lie, seen from where the command runs")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    LOGS.mkdir(exist_ok=True)
    failed = [_together(arguments.command, arguments.at, parts) for parts in TURNS]
    return int(any(failed))


def _together(command: Sequence[str], at: str, parts: Sequence[Sequence[str]]) -> bool:
    """Whether something failed; the first part is shown as it goes, the others when they have ended."""
    with ExitStack() as stack:
        running = []
        for number, part in enumerate(parts):
            log = LOGS / f"suite-{number}.log"
            output = stack.enter_context(log.open("wb")) if number else None
            words = [*command, *(_placed(word, at) for word in part)]
            running.append((log, subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT if number else None)))
        failed = False
        for number, (log, process) in enumerate(running):
            failed |= process.wait() != 0
            if number:
                sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
                sys.stdout.flush()
    return failed


def _placed(word: str, at: str) -> str:
    option, sign, path = word.rpartition("=")
    return f"{option}{sign}{Path(at, path)}"


if __name__ == "__main__":
    sys.exit(main())
