"""Two years of simulated meters with the faults of the field beside what was really used; the tables go to stderr.

`JIEYUE_TRUTH_SEEDS` (1,2,3 and the date, which nobody tuned on) and `JIEYUE_TRUTH_METERS` (60) say how much,
`JIEYUE_TRUTH_KINDS` (all) with which faults.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bench import figures
from tests.truth import scopes, verdict
from tests.truth.loads import text
from tests.truth.story import live

METERS = 60


def run(folder: Path) -> None:
    """One story a seed; a line a month of a meter, a line a change, and what breaks a promise."""
    seeds = os.environ.get("JIEYUE_TRUTH_SEEDS") or f"1,2,3,{datetime.now(tz=UTC):%Y%m%d}"
    number = int(os.environ.get("JIEYUE_TRUTH_METERS") or METERS)
    for seed in map(int, seeds.split(",")):
        part = folder / str(seed)
        part.mkdir()
        _one(part, seed, number)


def _one(folder: Path, seed: int, number: int) -> None:
    began = time.perf_counter()
    story = live(folder, seed, number, [name for name in os.environ.get("JIEYUE_TRUTH_KINDS", "").split(",") if name])
    spent = time.perf_counter() - began
    months, changes = list(verdict.lines(story)), list(scopes.changes(story))
    broken = [*verdict.faults_of(story, months), *scopes.broken(changes)]
    said = [f"seed {seed}", *(f"  {m.name} {m.load}: {'; '.join(map(str, m.faults))}" for m in story.meters)]
    said += [f"  {f.meter} finding {f.kind} {text(f.start)} to {text(f.end)} {f.state}" for f in story.findings]
    said += [*map(str, months), *map(str, changes), *(f"BROKEN {line}" for line in broken)]
    sys.stderr.write("\n".join(said) + "\n")
    what = f"{number} meters, two years, seed {seed}"
    known = [abs(m.error) for m in months if m.unknown == 0 and m.got is not None and m.whole > 0]
    better = [c.better - c.limit for c in changes if c.better is not None]
    figures.tell("truth.months", len(months), "months", what)
    figures.tell("truth.known.worst", 100 * max(known), "%", f"{what}: largest error of a month whose data exist")
    figures.tell("truth.better.worst", max(better), "points", f"{what}: largest change better than the truth, beyond what it may be")
    figures.tell("truth.seconds", spent, "s", f"{what}: to store, settle in batches, read and settle anew")
    for name, times in sorted(Counter(line.partition(":")[0].split(" ")[0] for line in broken).items()):
        figures.tell(f"truth.broken.{name}", times, "lines", what)
    figures.tell("truth.broken", len(broken), "lines", what)
