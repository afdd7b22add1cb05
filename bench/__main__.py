"""`python -m bench [NAME …] [--compare COMMIT]`: measure, and print one JSON line a figure."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from bench import compare

BENCHES = ("edge", "ingest", "settle", "latency", "demo")
"""Each is the module of its name here, imported when it runs: another commit's product may not have what the others need."""
LONG = ("catchup", "day", "flood", "report", "rtu", "start", "storm", "storm_alerts", "stores", "terminals", "truth")
"""Run only when named: they take long."""


def main() -> int:
    """Run the benches that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the speed of the real processes; JSON lines on stdout.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(BENCHES)} (the default), {', '.join(LONG)}")
    parser.add_argument(
        "--compare", metavar="COMMIT", help=f"measure that commit's product in turns with this one ({' '.join(compare.NAMES)})"
    )
    parser.add_argument("--pairs", type=int, default=compare.PAIRS, metavar="N", help="how many pairs of old and new (default %(default)s)")
    arguments = parser.parse_args()
    names, known = arguments.names, (*BENCHES, *LONG)
    unknown = [name for name in names if name not in known]
    if unknown:
        return _refuse(f"no bench {unknown[0]!r}; expected one of {', '.join(known)}")
    if arguments.pairs < 1:
        return _refuse(f"--pairs: expected a number from 1, got {arguments.pairs}")
    if arguments.compare:
        try:
            compare.run(arguments.compare, names, arguments.pairs)
        except compare.CompareError as error:
            return _refuse(str(error))
        return 0
    for name in names or BENCHES:
        sys.stderr.write(f"bench: {name}\n")
        with tempfile.TemporaryDirectory(prefix="jieyue-bench-") as folder:
            importlib.import_module(f"bench.{name}").run(Path(folder))
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"bench: {why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
