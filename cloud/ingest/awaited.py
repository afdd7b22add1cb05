"""Commands that nobody answers: a device of another maker shows by its data that it did what it was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cloud.ingest.results import Result
from cloud.telemetry.base import Line, Polled
from contract import sparkplug
from contract.reading import Quality

_SHOWS = frozenset({Quality.GOOD, Quality.SUSPECT})
"""Qualities of a value that the device has now; a doubtful clock makes it no other value."""


class AwaitedCommand(NamedTuple):
    """A command that was sent.

    Attributes:
        id: Of the command.
        point: The metric that should show the value.
        value: As the metric's datatype holds it.
        since: When it was sent, ms by the cloud's clock; what came before is no answer.
    """

    id: str
    point: str
    value: float
    since: int


class Awaited:
    """The commands whose effect is waited for, by (group, device)."""

    def __init__(self) -> None:
        self._of: defaultdict[tuple[str, str], dict[str, AwaitedCommand]] = defaultdict(dict)

    def __len__(self) -> int:
        """How many are waited for."""
        return sum(map(len, self._of.values()))

    def add(self, group: str, device: str, command: AwaitedCommand) -> None:
        """Wait for a command, from its first mention on."""
        self._of[group, device].setdefault(command.id, command)

    def forget(self, group: str, device: str, name: str) -> None:
        """Wait no longer."""
        commands = self._of.get((group, device), {})
        commands.pop(name, None)
        if not commands:
            self._of.pop((group, device), None)

    def shown(self, group: str, device: str, lines: Iterable[Line], received_at: int) -> Iterator[Result]:
        """The commands that these readings, which came at a time (ms), show to be done."""
        commands = self._of.get((group, device))
        if not commands:
            return
        shown = {(point, value) for line in lines for point, value in _values(line)}
        for command in list(commands.values()):
            if command.since <= received_at and (command.point, command.value) in shown:
                yield self._done(group, device, command, command.value)

    def reborn(self, group: str, node: str, received_at: int) -> Iterator[Result]:
        """The requests for births that a birth of the node answers."""
        for command in list(self._of.get((group, node), {}).values()):
            if command.point == sparkplug.REBIRTH and command.since <= received_at:
                yield self._done(group, node, command, None)

    def _done(self, group: str, device: str, command: AwaitedCommand, read_back: float | None) -> Result:
        self.forget(group, device, command.id)
        return Result(group, device, command.id, "done", read_back, None)


def _values(line: Line) -> Iterator[tuple[str, float]]:
    if isinstance(line, Polled):
        yield from line.values.items()
    elif line.reading.value is not None and line.reading.quality in _SHOWS:
        yield line.reading.point, line.reading.value
