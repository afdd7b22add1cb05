"""The processes of a storm: some in a network of their own, some with a clock that can be set."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from contract.rights import secret_file
from simulators.stack.chaos import Fault
from simulators.stack.processes import Processes
from tests.storm import jumping

_JUMPING = Path(jumping.__file__)
_HOUR = 3600


class Parts(Processes):
    """Starts each part where it belongs."""

    def __init__(self, logs: Path, clocks: Path, set_by_us: Sequence[str], before: Mapping[str, tuple[str, ...]]) -> None:
        """`clocks` is for the files by which the clocks of `set_by_us` are set; `before` has the words before a part's command."""
        super().__init__(logs)
        self._clocks, self._set, self._before = clocks, set_by_us, before
        clocks.mkdir()
        for name in set_by_us:
            self._jump(name, 0)

    def start(self, name: str, argv: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a part, with its clock and in its network."""
        if name in self._set and argv[:2] == [sys.executable, "-m"]:
            argv = [sys.executable, str(_JUMPING), *argv[2:]]
            environment = {**(environment or {}), jumping.FILE: str(self._clocks / name)}
        super().start(name, [*self._before.get(name, ()), *argv], environment)

    def jumps(self) -> list[Fault]:
        """Each clock an hour ahead or behind for a while."""
        found = []
        for name in self._set:
            for way, seconds in (("ahead", _HOUR), ("behind", -_HOUR)):
                begin, end = partial(self._jump, name, seconds), partial(self._jump, name, 0)
                found.append(Fault(f"the clock of {name} is an hour {way}", f"clock of {name}", begin, end))
        return found

    def _jump(self, name: str, seconds: int) -> None:
        secret_file(self._clocks / name, str(seconds))
