"""What simulated devices of any protocol play on.

A protocol's `device` offers `play`, which makes all of a site's devices speak it; `CALLS`, where they call the product instead of being
asked; and `ALONE`, what a bus and a device of it need beside their ids, where one is played alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

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


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Called:
    """Where the devices of a protocol that speak by themselves find the product.

    Attributes:
        host: Of the listener or broker.
        port: Its port.
        passwords: Folder with a file for each user, named like it, where they have any.
    """

    host: str
    port: int
    passwords: Path | None = None


@dataclass(frozen=True, slots=True)
class Calls:
    """Whom the devices of a protocol call.

    Attributes:
        whom: In words for a person.
        passwords: Whether they may have users with passwords there.
    """

    whom: str
    passwords: bool = False


@dataclass(frozen=True, slots=True)
class Alone:
    """Fields of a bus and of a device that is played alone, as a site has them; whoever plays it may say otherwise."""

    bus: Mapping[str, object] = field(default_factory=dict)
    device: Mapping[str, object] = field(default_factory=dict)


SILENT, CLOCK = "silent", "clock"
"""Faults that devices of every protocol, and all that date what they say, may have."""


class Faults(Protocol):
    """What is wrong with devices."""

    def active(self, device: str, fault: str, at: int) -> float | None:
        """The value of a fault that is there at a time (ms since 1970); None without it."""
        ...


class Sayings(Protocol):
    """Takes what devices say by themselves."""

    def said(self, device: str, at: int, values: Mapping[str, float], acknowledged: int | None) -> None:
        """A message: when it was measured, and once more when it was acknowledged; times in ms since 1970."""
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

    @property
    def journal(self) -> Callable[[Any], None]:
        """Takes every answer to a request, before it is sent."""
        ...

    @property
    def said(self) -> Sayings:
        """Takes what devices say by themselves."""
        ...

    @property
    def called(self) -> Mapping[str, Called]:
        """Where they say it, by protocol; devices of a protocol that is not there are silent."""
        ...

    def listen(self) -> Address:
        """Where the next bus of devices that are asked listens: each a port higher than the one before; port 0 is a free one."""
        ...

    @property
    def faults(self) -> Faults:
        """What is wrong with devices."""
        ...

    def speaks(self, device: str, at: int) -> bool:
        """Whether a device says anything at a time (ms since 1970), or is silent by a fault."""
        ...

    def dated(self, device: str, at: int) -> int:
        """The time that a device's own clock gives a moment, both in ms since 1970."""
        ...


Player = Callable[[Stage], AbstractAsyncContextManager[Endpoints]]
"""Plays all devices of a protocol until the block ends."""


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
