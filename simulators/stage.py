"""What the devices of a simulated site play on, whatever their protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contract.clock import Clock
from contract.site import Site
from protocols.stage import CLOCK, SILENT, Address, Called, Sayings, World
from simulators.faults import Faults

FREE_PORTS = Address("127.0.0.1", 0)
"""On this machine only, and nowhere that was agreed."""


@dataclass
class Stage:
    """A site that is played (`protocols.stage.Stage` says what the parts are for)."""

    site: Site
    world: World
    clock: Clock
    journal: Callable[[Any], None]
    said: Sayings
    called: Mapping[str, Called] = field(default_factory=dict)
    listens: Address = FREE_PORTS
    """Where the next bus listens."""
    faults: Faults = field(default_factory=Faults)

    def listen(self) -> Address:
        """Where a bus listens; the next one of any protocol listens a port above, so that no two have one port."""
        here = self.listens
        self.listens = Address(here.host, here.port and here.port + 1)
        return here

    def speaks(self, device: str, at: int) -> bool:
        """Whether a device that speaks by itself says anything about a moment."""
        return self.faults.active(device, SILENT, at) is None

    def dated(self, device: str, at: int) -> int:
        """The time that a device's own clock gives a moment."""
        return at + round(1000 * (self.faults.active(device, CLOCK, at) or 0.0))
