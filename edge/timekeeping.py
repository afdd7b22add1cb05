"""A gateway's time: UTC at the last synchronisation plus the monotonic clock, so a wrong wall clock dates no reading."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from contract.clock import Clock

log = structlog.get_logger()
CHECK_EVERY = 30.0
"""Seconds between two looks at the kernel's clock."""
HOW = (
    "let a time service set this machine's clock (timedatectl set-ntp true; without internet a server of your network in "
    "/etc/systemd/timesyncd.conf), or, if it is right, say `clock: trusted` in the gateway's file: what waits is dated then too"
)
"""What ends the wait for a clock."""
_STEP = 1000.0
_TIME_ERROR = 5
_TIMEX_BYTES = 256


def kernel_synchronised() -> bool:
    """Whether the kernel says that its clock is kept by a time service (adjtimex(2): not TIME_ERROR)."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # struct timex, modes = 0: only ask
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    return 0 <= state < _TIME_ERROR


def boot_id() -> str:
    """This boot of the machine; the monotonic clock counts from its start."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def kernel_offset() -> int:
    """The kernel's UTC minus the monotonic clock, ms, whatever that is worth."""
    return round(time.time() * 1000.0 - time.monotonic() * 1000.0)


@dataclass(slots=True)
class _Offset:
    ms: float | None = None
    """UTC minus monotonic at the last synchronisation; None before the first."""


@dataclass(frozen=True, slots=True)
class GatewayClock(Clock):
    """The clock of a gateway with `clock: synchronised`.

    Before the first synchronisation of a boot `now_ms` counts from the boot, and rows wait in the outbox for their date.
    """

    boot: str = field(default_factory=boot_id)
    offset: _Offset = field(default_factory=_Offset)

    def now_ms(self) -> int:
        """Ms since 1970 in UTC; before the first synchronisation ms since the boot."""
        return int((self.offset.ms or 0.0) + time.monotonic() * 1000.0)

    @property
    def waiting(self) -> str | None:
        """The boot whose rows wait for their date; None once the clock is set."""
        return self.boot if self.offset.ms is None else None

    def look(self, synchronised: Callable[[], bool] = kernel_synchronised, utc: Callable[[], float] = time.time) -> int | None:
        """Take over UTC if the kernel's clock is kept; returns the offset (ms) when this was the first time."""
        if not synchronised():
            return None
        fresh = utc() * 1000.0 - time.monotonic() * 1000.0
        first = self.offset.ms is None
        if not first and abs(fresh - (self.offset.ms or 0.0)) > _STEP:
            log.warning("clock stepped", ms=round(fresh - (self.offset.ms or 0.0)))
        self.offset.ms = fresh
        return int(fresh) if first else None
