"""A service of which a part failed ends, though a thread hangs in a store: only then can a supervisor start it again."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, threading
from cloud import app
from cloud.ledger.worker import in_thread

class Parts:
    async def run(self, _roles):
        await app.together([self.hangs(), self.fails()])
    async def hangs(self):
        await {waiting}(threading.Event().wait)
    async def fails(self):
        await asyncio.sleep(0)
        raise RuntimeError("no room for another part")
    def close(self):
        pass

app._GRACE = 0.5
asyncio.run(app.run_until_signalled(Parts()))
"""


@pytest.mark.parametrize("waiting", ["in_thread", "asyncio.to_thread"], ids=["waited for by its part", "waited for at the end"])
def test_a_part_that_fails_ends_the_process_though_a_store_hangs(waiting: str) -> None:
    """Within the seconds that parts have for it, with exit code 1; the log says what failed, and that a thread was left."""
    run = subprocess.run([sys.executable, "-c", PROGRAM.format(waiting=waiting)], capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    said = run.stdout + run.stderr
    assert "a part of the service failed" in said
    assert "no room for another part" in said
    assert "a store holds a thread; leaving without it" in said
