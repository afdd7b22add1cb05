"""A gateway's time: UTC at the last synchronisation plus the monotonic clock, so a wrong wall clock dates no reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from contract.clock import EARLIEST, Clock
from contract.reading import Row
from contract.timeservice import kernel_synchronised

log = structlog.get_logger()
CHECK_EVERY = 30.0
"""Seconds between two looks at the kernel's clock."""
HOW = (
    "let a time service set this machine's clock (timedatectl set-ntp true; without internet a server of your network in "
    "/etc/systemd/timesyncd.conf), or, if it is right, say `clock: trusted` in the gateway's file: what waits is dated then too"
)
"""What ends the wait for a clock."""
HOW_AFTER_TRIAL = "start without JIEYUE_NOW and JIEYUE_SPEED, or, if this is a trial, say `clock: trusted` in the gateway's file"
"""What ends it where the clock is a trial's."""
_STEP = 1000.0


def boot_id() -> str:
    """This boot of the machine; the monotonic clock counts from its start."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def kernel_offset() -> int:
    """The kernel's UTC minus the monotonic clock, ms, whatever that is worth."""
    return round(time.time() * 1000.0 - time.monotonic() * 1000.0)


def how(clock: Clock) -> str:
    """What would end the wait of a gateway whose clock is not trusted."""
    return HOW_AFTER_TRIAL if clock.trial else HOW


def undated(row: Row) -> bool:
    """Whether the time that a row has from its gateway counts from the boot.

    The row itself says so: the clock may have been set since it was read.
    """
    return (row.at if row.taken is None else row.taken) < EARLIEST


@dataclass(slots=True)
class _Offset:
    ms: float | None = None
    """UTC minus monotonic at the last synchronisation; None before the first."""


@dataclass(frozen=True, slots=True)
class GatewayClock(Clock):
    """The clock of a gateway with `clock: synchronised`.

    Before the first synchronisation of a boot `now_ms` counts from the boot, and rows wait in the outbox for their date. A trial's
    clock is never synchronised.
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

    def boot_of(self, row: Row) -> str | None:
        """The boot from whose start a row counts; None where it has its date."""
        return self.boot if undated(row) else None

    def look(self, synchronised: Callable[[], bool] = kernel_synchronised, utc: Callable[[], float] = time.time) -> int | None:
        """Take over UTC if the kernel's clock is kept; returns the offset (ms) when this was the first time."""
        if self.trial or not synchronised():
            return None
        fresh = utc() * 1000.0 - time.monotonic() * 1000.0
        first = self.offset.ms is None
        if not first and abs(fresh - (self.offset.ms or 0.0)) > _STEP:
            log.warning("clock stepped", ms=round(fresh - (self.offset.ms or 0.0)))
        self.offset.ms = fresh
        return int(fresh) if first else None
