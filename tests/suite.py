"""Runs the suite: parts, two at a time, and then the journeys, whose programs need room.

`python tests/suite.py COMMAND …`: the command that runs pytest; the paths of tests are added. `--at FOLDER` is put before each of them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOGS = Path("build")
AROUND = [f"tests/{name}" for name in ("house", "deploy", "contract", "simulators")]
GATEWAY = [f"tests/{name}" for name in ("edge", "protocols", "profiles")]
SCREENS = [f"tests/{name}" for name in ("cloud/alerts", "truth", "grafana")]
BOOKS = ["tests/cloud/books"]
INGEST = ["tests/cloud/ingest"]
DEMO = [f"tests/journey/test_{name}.py" for name in ("demo", "foreign_node", "straight_line")]
LAST = ["tests/journey", "tests/storm"]
REST = ["tests", *(f"--ignore={path}" for path in (*AROUND, *GATEWAY, *SCREENS, *BOOKS, *INGEST, *LAST))]
AT_ONCE = 2
"""Cores of the machine that runs it."""
TURNS: tuple[tuple[int, tuple[list[str], ...]], ...] = (
    (AT_ONCE, (SCREENS, BOOKS, GATEWAY, AROUND, INGEST, REST)),
    (3, (["tests/journey", *(f"--ignore={path}" for path in DEMO)], DEMO, ["tests/storm"])),
)
"""What runs after what: how many parts of a turn run at once, and its parts, of which the next begins as soon as one has ended, the
longest first.

The journeys mostly wait for their programs, and so do not wait for each other.
"""


def main() -> int:
    """Run all; 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("--at", default="", metavar="FOLDER", help="where the tests lie, seen from where the command runs")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    LOGS.mkdir(exist_ok=True)
    failed = [_together(arguments.command, arguments.at, parts, at_once) for at_once, parts in TURNS]
    return int(any(failed))


def _together(command: Sequence[str], at: str, parts: Sequence[Sequence[str]], at_once: int) -> bool:
    """Whether something failed; the first part is shown as it goes, the others when all before them have been."""
    failed = False
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_part, command, [_placed(word, at) for word in part], _log(number)) for number, part in enumerate(parts)]
        try:
            for number, part in enumerate(running):
                failed |= part.result() != 0
                if log := _log(number):
                    sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
                    sys.stdout.flush()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after Ctrl-C none begins
    return failed


def _log(number: int) -> Path | None:
    return LOGS / f"suite-{number}.log" if number else None


def _part(command: Sequence[str], words: Sequence[str], log: Path | None) -> int:
    """Exit code of a part, whose output goes to a log or is shown."""
    if log is None:
        return subprocess.run([*command, *words], check=False).returncode
    with log.open("wb") as output:
        return subprocess.run([*command, *words], stdout=output, stderr=subprocess.STDOUT, check=False).returncode


def _placed(word: str, at: str) -> str:
    option, sign, path = word.rpartition("=")
    return f"{option}{sign}{Path(at, path)}"


if __name__ == "__main__":
    sys.exit(main())
