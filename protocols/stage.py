"""What simulated devices of any protocol play on; a protocol's `device` offers `play`, which makes all of a site's devices speak it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from contract.clock import Clock
from contract.site import Site

Endpoints = dict[str, object]
"""Where devices are reached, by protocol: of devices that are asked a list with a `device`, its `bus`, and what a gateway's own file says
of the bus (`Bus.local`)."""


class World(Protocol):
    """What stands behind the devices."""

    def values(self, device_id: str, at_ms: int) -> dict[str, float | None]:
        """Every point of a device at a time (ms since 1970), in the point's unit; None where there is no value."""
        ...

    def write(self, device_id: str, point: str, value: float, at_ms: int) -> None:
        """A value that was written to a device, in the point's unit."""
        ...


class Stage(Protocol):
    """A site that is played."""

    @property
    def site(self) -> Site:
        """As configured."""
        ...

    @property
    def world(self) -> World:
        """Values and writes of all devices."""
        ...

    @property
    def clock(self) -> Clock:
        """The time of all parts."""
        ...

    def speaks(self, device: str, at: int) -> bool:
        """Whether a device says anything at a time (ms since 1970), or is silent by a fault."""
        ...


Player = Callable[[Stage], AbstractAsyncContextManager[Endpoints]]
"""Plays all devices of a protocol until the block ends."""
