"""`python -m bench [NAME …]`: measure, and print one JSON line a figure."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import day, demo, edge, ingest, latency, truth

BENCHES: dict[str, Callable[[Path], None]] = {"edge": edge.run, "ingest": ingest.run, "latency": latency.run, "demo": demo.run}
LONG: dict[str, Callable[[Path], None]] = {"day": day.run, "truth": truth.run}
"""Run only when named: they take long."""


def main() -> int:
    """Run the benches that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the speed of the real processes; JSON lines on stdout.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which to run: {', '.join(BENCHES)} (the default), {', '.join(LONG)}")
    names = parser.parse_args().names
    known = BENCHES | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.stderr.write(f"bench: no bench {unknown[0]!r}; expected one of {', '.join(known)}\n")
        return 2
    for name in names or BENCHES:
        sys.stderr.write(f"bench: {name}\n")
        with tempfile.TemporaryDirectory(prefix="jieyue-bench-") as folder:
            known[name](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
