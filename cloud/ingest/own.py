"""The cloud's own time: the machine's clock, less what that is known to be off.

Two things show that the machine's clock is off: it jumped against the monotonic clock while the service ran, and its gateways agree
with each other and not with it (`cloud.ingest.doubt`). Until it is right again, the service lives by the time that it believes, so no
lag, silence or expiry is taken for longer than it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import structlog

from cloud.ingest.judging import DRIFT
from contract.clock import Clock
from contract.timeservice import kernel_synchronised

log = structlog.get_logger()
STEP = 10_000.0
"""A clock that moved by more than this (ms) between two looks, against the monotonic clock, was set; a time service slews by far less."""
_PROMPT = 1.0
"""Seconds that reading the clock may take; if it took longer, the process was stopped meanwhile, and it is read again."""
LEAP = 3_600_000
"""A clock that was set by so much (ms) may be set to a wrong day: what destroys waits. Less is common where a machine sleeps."""
HOLD = 24 * 3_600_000
"""For so long (ms): somebody can look at it."""


@dataclass(slots=True)
class Own:
    """What is known of the machine's clock.

    Attributes:
        stepped: By how much it jumped while the service ran, ms, jumps ahead above 0.
        found: How far it is off beside that, as its gateways say, ms, ahead above 0.
        remembered: How far it was off when the service ended, ms; 0 once something is known of it now.
        unsure: Whether half of the gateways or more that were heard last are off or may be.
        by_gateways: Whether enough gateways say what is known of it.
        kept_by_service: Whether a time service keeps it, as the kernel says; None where nothing says so.
        since: When it was right last, as far as anybody said, or the service began, by the time that was believed then, ms; None before
            the first message.
        sure: Whether so many gateways said so that they are believed.
        changed: When the machine's clock jumped last, or the believed time moved, by that time, ms; a vote from before says nothing of it.
        leapt: The same of the last time that it was by an hour or more; None if it never was.
        weighed: When it was asked last whether it is off, ms.
    """

    stepped: int = 0
    found: int = 0
    remembered: int = 0
    unsure: bool = False
    by_gateways: bool = False
    since: int | None = None
    sure: bool = False
    changed: int = 0
    leapt: int | None = None
    weighed: int = 0
    kept_by_service: Callable[[], bool | None] = lambda: None

    @property
    def off(self) -> int:
        """The machine's clock minus the time that is believed, ms."""
        return self.stepped + self.found

    @property
    def doubted(self) -> bool:
        """Whether the machine's clock is wrong, or was when the service ended and nothing is known of it since."""
        return self.off != 0 or self.remembered != 0

    def held(self, now: int) -> bool:
        """Whether what destroys has to wait, since by `now` (ms) the clock leapt within the last day."""
        return self.leapt is not None and abs(now - self.leapt) < HOLD

    def jumped(self, ms: int, at: int) -> None:
        """The machine's clock was set by `ms` at `at`, ms by the time that is believed.

        That time goes on, and a clock that was set right again is believed. Unless somebody says otherwise, it was right until then.
        """
        if not (self.doubted or self.unsure):
            self.since = at
        self.stepped += ms
        self._settle()
        self._changed(ms, at)
        log.warning("the machine's clock jumped", seconds=round(ms / 1000, 1), off_seconds=round(self.off / 1000, 1))

    def moved(self, ms: int, at: int, *, by_gateways: bool) -> None:
        """The time that is believed moves by `ms`, to `at`."""
        self.found -= ms
        self.remembered = 0
        self._settle()
        self.by_gateways = by_gateways and self.off != 0
        self.since, self.sure = at, by_gateways
        self._changed(ms, at)

    def agreed(self, at: int, *, enough: bool) -> None:
        """Most gateways that spoke since it changed agree with the time that is believed, the last of them at `at`, ms."""
        self.since = max(self.since or 0, at)
        self.sure |= enough
        self.by_gateways |= enough and self.off != 0

    def forget(self, before: Own) -> None:
        """What was found since `before` was not kept."""
        self.found, self.remembered, self.by_gateways = before.found, before.remembered, before.by_gateways
        self.since, self.sure, self.changed, self.leapt = before.since, before.sure, before.changed, before.leapt
        self._settle()

    def _changed(self, ms: int, at: int) -> None:
        self.changed = at
        if abs(ms) >= LEAP:
            self.leapt = at

    def _settle(self) -> None:
        """A clock that is off by less than is told of any clock is right."""
        if abs(self.off) <= DRIFT:
            self.found, self.by_gateways = -self.stepped, False


@dataclass(slots=True)
class _Monotonic:
    """The machine's clock minus the monotonic one at the last look, ms; None before the first."""

    ahead: float | None = None
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class OwnClock(Clock):
    """A clock that notices when it is set.

    Attributes:
        base: The machine's clock, or a trial's.
        own: What is known of it.
        steady: Seconds of a clock that nobody sets.
    """

    base: Clock = field(default_factory=Clock)
    own: Own = field(default_factory=Own)
    steady: Callable[[], float] = time.monotonic
    _last: _Monotonic = field(default_factory=_Monotonic)

    def now_ms(self) -> int:
        """Milliseconds since 1970 in UTC, as far as the service knows."""
        return self.unjudged_ms() - self.own.found

    def unjudged_ms(self) -> int:
        """The same without what gateways say: a message has it as its time of receipt, and what they say may change before its turn."""
        with self._last.lock:
            wall, ahead = self._look()
            if self._last.ahead is not None and abs(jump := ahead - self._last.ahead) > STEP * max(1.0, self.speed):
                self.own.jumped(round(jump), wall - round(jump) - self.own.off)
            self._last.ahead = ahead
            return wall - self.own.stepped

    def _look(self) -> tuple[int, float]:
        """The machine's clock, and by how much it is ahead of the monotonic one."""
        while True:
            before = self.steady()
            wall = self.base.now_ms()
            if self.steady() - before < _PROMPT:
                return wall, wall - before * 1000.0 * self.speed


def own_clock(base: Clock) -> OwnClock:
    """The clock of a service that goes by `base`."""
    return OwnClock(base.origin_ms, base.real_origin, base.speed, base, Own(kept_by_service=partial(kept_by_service, base)))


def kept_by_service(clock: Clock) -> bool | None:
    """Whether a time service keeps the machine's clock; None of a trial's, of which the kernel knows nothing."""
    return None if clock.trial else kernel_synchronised()
