"""Runs the suite: parts, some at a time.

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
ALERTS = ["tests/cloud/alerts"]
PAST = ["tests/truth", "tests/grafana"]
BOOKS = ["tests/cloud/books"]
INGEST = ["tests/cloud/ingest"]
INTERFACE = ["tests/cloud/api", "tests/cloud/reports"]
STORM = ["tests/storm"]
DEMO = [f"tests/journey/test_{name}.py" for name in ("demo", "wall")]
JOURNEY = ["tests/journey", *(f"--ignore={path}" for path in DEMO)]
NAMED = [*AROUND, *GATEWAY, *ALERTS, *PAST, *BOOKS, *INGEST, *INTERFACE, *STORM, "tests/journey"]
REST = ["tests", *(f"--ignore={path}" for path in NAMED)]
PARTS = (BOOKS, DEMO, AROUND, INGEST, ALERTS, GATEWAY, INTERFACE, STORM, PAST, JOURNEY, REST)
"""What runs: the next begins as soon as one has ended.

What takes longest begins first, and the shortest parts are left for the end, so that no part runs alone for long. The demo, the gateway,
the storm and the journeys wait half their time: each stands beside parts that compute all the time. What needs the demo is one part,
since its history takes as long as twenty tests.
"""
AT_ONCE = 3
"""One more than the cores of the machine that runs it: a third of the time a part waits, for a server, a program or a time that is over."""


def main() -> int:
    """Run all; 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="suite", description=__doc__)
    parser.add_argument("--at", default="", metavar="FOLDER", help="where the tests lie, seen from where the command runs")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    LOGS.mkdir(exist_ok=True)
    return int(_together(arguments.command, arguments.at))


def _together(command: Sequence[str], at: str) -> bool:
    """Whether something failed; the first part is shown as it goes, the others when all before them have been."""
    failed = False
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(_part, command, [_placed(word, at) for word in part], _log(number)) for number, part in enumerate(PARTS)]
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
