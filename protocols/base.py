"""What every driver is, and how that of a protocol is found."""

from __future__ import annotations

import asyncio
import importlib
import struct
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast, runtime_checkable

from contract.clock import Clock
from contract.protocol import packages
from contract.reading import Row
from contract.site import Bus, Device


class DriverError(Exception):
    """A device or bus that did not answer as it should; the message is the reason stored with the bad reading."""


class NoAnswerError(DriverError):
    """Nothing came at all; asking the same device on would only make the others wait."""


class NotReadBackError(DriverError):
    """A value was written, and what the device says afterwards is not known."""

    def __init__(self, why: object) -> None:
        super().__init__(f"written, but not read back: {why}")


class NoLineError(NoAnswerError):
    """The bus itself cannot be reached."""


UNFORESEEN = (OSError, EOFError, RuntimeError, ValueError, TypeError, AttributeError, ArithmeticError, LookupError, struct.error)
"""What a driver may raise besides, where it did not think of a fault: a line that broke, or numbers and texts that make no sense."""

B = TypeVar("B", bound=Bus)
D = TypeVar("D", bound=Device)
D_contra = TypeVar("D_contra", bound=Device, contravariant=True)

Commit = Callable[[Sequence[Row]], Awaitable[None]]
"""Puts rows on disk; when it returns they are committed."""


@dataclass(frozen=True, slots=True)
class BusContext(Generic[B, D]):
    """What a driver gets: its bus, the devices on it, the clock, where rows go and where faults are counted."""

    bus: B
    devices: Sequence[D]
    clock: Clock
    commit: Commit
    count: Callable[[str], None]
    """Counts a fault of this bus, with its reason; logged once a minute."""
    user: str = ""
    """Who the gateway is on this bus, where the bus asks."""
    password: str | None = field(default=None, repr=False)
    folder: Path | None = None
    """Where a driver may keep what it must know after a restart."""
    lost: Callable[[Row, str], Awaitable[None]] | None = None
    """Told of a row that was polled and cannot be kept, with the reason; where there is nobody to tell, it is a fault of the bus."""
    show: Callable[[Row], Awaitable[None]] | None = None
    """Told of a row that still waits for a disk that does not answer."""
    turn: asyncio.Lock | None = None
    """Held while something is on the line, where buses of other protocols end at the same serial port; who lets go of it has closed it."""


QUIET = 60.0
"""Seconds in which a fault of one source is counted once."""
MOST_SOURCES = 4096


class RateLimiter:
    """Counts a fault once per source and minute, so that one mad sender does not hide the others."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._counted: dict[tuple[str, str], float] = {}

    def __call__(self, source: str, reason: str) -> None:
        """One more fault of `source`; `reason` is a fixed text, details go into the source."""
        now = time.monotonic()
        if now - self._counted.get((source, reason), -QUIET) < QUIET:
            return
        if len(self._counted) >= MOST_SOURCES:  # sources outside can invent names without end
            self._counted.clear()
        self._counted[source, reason] = now
        self._count(f"{source}: {reason}")


@runtime_checkable
class PollingDriver(Protocol[D_contra]):
    """A driver that asks; one instance owns one line and has one request in flight."""

    async def read(self, device: D_contra) -> Row:
        """All points of a device; what could not be read is bad in the row.

        Raises:
            DriverError: Nothing could be read at all.
        """
        ...

    async def close(self) -> None:
        """Let go of the line."""
        ...


@runtime_checkable
class WritingDriver(Protocol[D_contra]):
    """A driver that carries out commands."""

    async def write(self, device: D_contra, point: str, value: float) -> float:
        """Write a point and return what the device reads back.

        Nobody calls it for a device while it writes to that device; nor, where the driver polls too, to another one of its line.

        Raises:
            DriverError: Refused, or no answer.
            Exception: One of `UNFORESEEN`; nobody knows then whether it was written.
        """
        ...


@runtime_checkable
class ListeningDriver(Protocol):
    """A driver whose devices speak by themselves."""

    async def run(self) -> None:
        """Receive until cancelled, committing before acknowledging."""
        ...


@runtime_checkable
class ScanningDriver(PollingDriver[D_contra], Protocol[D_contra]):
    """A driver that can find out which addresses of its line answer."""

    called: tuple[str, str]
    """What people call an address, and several of them, such as unit and unit ids."""

    def addresses(self) -> Sequence[int | str]:
        """Which are asked where nobody says which."""
        ...

    def stranger(self, address: int | str, profile: str) -> Device:
        """A device of a profile at an address, as `read` takes it; the site knows nothing of it."""
        ...

    async def answers(self, address: int | str, within: float) -> bool:
        """Whether anybody answers to an address within so many seconds, whatever the answer is.

        Raises:
            NoLineError: The line cannot be reached.
        """
        ...


@runtime_checkable
class DoubtingDriver(Protocol[D_contra]):
    """A driver that knows of values how else they could be meant."""

    def doubts(self, device: D_contra, row: Row) -> dict[str, str]:
        """By point, for a person who tries a profile: which value makes little sense, and what would make more."""
        ...


Driver = PollingDriver[Any] | WritingDriver[Any] | ListeningDriver
"""Any mix of them: what a driver can is what it has the methods for."""
Factory = Callable[[BusContext[Any, Any]], Driver]
"""Makes a driver; what a line holds is of the driver's own protocol, which only the site's loader can know."""


class NoDriverError(ValueError):
    """A bus asks for what nobody can speak; the message is for a person."""


def driver_of(protocol: str) -> Factory:
    """What makes drivers of a protocol: `Driver` of its package's `driver`, which is imported only now.

    So a protocol whose libraries are not installed stops no other.

    Raises:
        NoDriverError: No such protocol is installed, or its driver cannot be loaded.
    """
    package = packages().get(protocol)
    if package is None:
        raise NoDriverError(f"no driver for {protocol!r}; there are {', '.join(packages())}")
    try:
        return cast("Factory", importlib.import_module(f"{package}.driver").Driver)
    except (ImportError, AttributeError) as error:
        raise NoDriverError(f"the driver of {protocol} cannot be loaded: {error}") from error
