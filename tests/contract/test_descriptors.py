"""How many descriptors a process takes."""

from __future__ import annotations

import subprocess
import sys

WORK = """
import resource
from contract.descriptors import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 512))
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_a_process_takes_what_it_is_allowed() -> None:
    """A shell starts it with few and allows it more: with 1 024, 1 200 terminals were reset again and again."""
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["512", "512", "512"]
