"""The bench's command line, and how pairs of old and new become one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "bench: no bench 'nosuch'; expected one of edge, "),
        (["--compare", "nosuch", "edge"], "bench: COMPARE: expected a commit of this repository, got 'nosuch'\n"),
        (["--compare", "HEAD", "--pairs", "0"], "bench: --pairs: expected a number from 1, got 0\n"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(arguments: list[str], said: str) -> None:
    """Exit code 2, and the one line says what was expected."""
    done = python("-m", "bench", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


def test_pairs_become_the_median_of_their_ratios() -> None:
    """One pair of seven that was disturbed moves no figure: medians of ratios, with the quartiles between which the middle half lies."""
    pairs = [(100, 90), (100, 95), (50, 50), (10, 10.5), (100, 110), (100, 300), (200, 196)]
    line = {"name": "edge.values", "unit": "values/s", "what": "reads", "machine": "a desk"}
    program = f"import json; from bench.compare import summary; print(json.dumps(summary({line!r}, {pairs!r}, 'e8fb30f')))"
    found = json.loads(python("-c", program).stdout)
    assert found == {
        "name": "edge.values.ratio",
        "value": 1.0,
        "unit": "new/old",
        "what": "reads; this tree beside e8fb30f",
        "quartiles": [0.965, 1.075],
        "pairs": 7,
        "old": 100,
        "new": 95,
        "of": "values/s",
        "machine": "a desk",
    }
