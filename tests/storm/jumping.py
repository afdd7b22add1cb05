"""A part whose wall clock is set, now and then: `jumping MODULE ...` runs a module of ours, and a file says by how many seconds it is off.

As on a real machine, a clock that somebody sets is not kept by a time service any more; the monotonic clock goes on.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from pathlib import Path

from contract import timeservice

FILE = "STORM_CLOCK"
"""Environment variable with the file's name."""
_EVERY = 0.02
"""Seconds between two looks at the file."""


class Jumping:
    """The clock of one process."""

    def __init__(self, file: Path) -> None:
        self._file, self._time = file, time.time
        self._looked, self._off = -_EVERY, 0.0

    def off(self) -> float:
        """Seconds that it is ahead."""
        now = time.monotonic()
        if now - self._looked >= _EVERY:
            self._looked, self._off = now, float(self._file.read_text(encoding="ascii") or 0)
        return self._off

    def time(self) -> float:
        """Instead of `time.time`."""
        return self._time() + self.off()

    def kept(self) -> bool:
        """Instead of what the kernel says of its clock."""
        return self.off() == 0.0


if __name__ == "__main__":
    clock = Jumping(Path(os.environ[FILE]))
    time.time = clock.time
    timeservice.kernel_synchronised = clock.kept
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
