"""What the devices of a simulated site play on, whatever their protocol."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.clock import Clock
from contract.site import Site
from protocols.stage import CLOCK, SILENT, Address, Called, World
from simulators.faults import Faults
from simulators.journal import Journal

FREE_PORTS = Address("127.0.0.1", 0)
"""On this machine only, and nowhere that was agreed."""


@dataclass(frozen=True)
class Stage:
    """A site that is played (`protocols.stage.Stage` says what the parts are for)."""

    site: Site
    world: World
    clock: Clock
    journal: Journal
    said: Journal
    called: Called = field(default_factory=Called)
    listens: Address = FREE_PORTS
    faults: Faults = field(default_factory=Faults)

    def speaks(self, device: str, at: int) -> bool:
        """Whether a device that speaks by itself says anything about a moment."""
        return self.faults.active(device, SILENT, at) is None

    def dated(self, device: str, at: int) -> int:
        """The time that a device's own clock gives a moment."""
        return at + round(1000 * (self.faults.active(device, CLOCK, at) or 0.0))
