"""What every protocol's devices play on, and where those that call in find the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contract.clock import Clock
from contract.site import Site
from protocols.stage import World
from simulators.faults import CLOCK, SILENT, Faults
from simulators.journal import Journal


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


FREE_PORTS = Address("127.0.0.1", 0)
"""On this machine only, and nowhere that was agreed."""


@dataclass(frozen=True, slots=True)
class Called:
    """Where devices that speak by themselves find the product; without an address they are silent.

    Attributes:
        jt808: The listener of vehicle terminals.
        mqtt: The broker of devices that publish.
        passwords: A file for each user of the broker, named like it.
    """

    jt808: Address | None = None
    mqtt: Address | None = None
    passwords: Path | None = None


@dataclass(frozen=True)
class Stage:
    """What every protocol's devices play on.

    Attributes:
        site: The site as configured.
        world: Values and writes of all devices.
        clock: The time of all parts.
        journal: Takes every answer to a request.
        said: Takes what devices said by themselves.
        called: Where they say it.
        listens: Where the first Modbus bus listens, each further one a port higher; with port 0 each at a free one.
        faults: What is wrong with devices.
    """

    site: Site
    world: World
    clock: Clock
    journal: Journal
    said: Journal
    called: Called = Called()
    listens: Address = FREE_PORTS
    faults: Faults = field(default_factory=Faults)

    def speaks(self, device: str, at: int) -> bool:
        """Whether a device that speaks by itself says anything about a moment."""
        return self.faults.active(device, SILENT, at) is None

    def dated(self, device: str, at: int) -> int:
        """The time that a device's own clock gives a moment."""
        return at + round(1000 * (self.faults.active(device, CLOCK, at) or 0.0))


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run work until the block ends; a part that fails ends all."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
