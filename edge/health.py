"""The gateway's own readings: how full the outbox is, how old its oldest row, what was lost, which faults were met."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping

import structlog

from contract.clock import EARLIEST, Clock
from contract.logs import LOG_EVERY
from contract.reading import Row
from edge.outbox.outbox import Outbox
from edge.timekeeping import GatewayClock, boot_id

INTERVAL = 30.0
"""Seconds between two rows about the gateway."""

log = structlog.get_logger()


class Faults:
    """Counts faults by source and logs each source at most once a minute."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged: dict[str, float] = {}

    def count(self, source: str, reason: str) -> None:
        """One more fault of `source`."""
        self.counts[source] += 1
        now = time.monotonic()
        if now - self._logged.get(source, -LOG_EVERY) >= LOG_EVERY:
            self._logged[source] = now
            log.warning("fault", source=source, reason=reason, count=self.counts[source])


def row(gateway: str, outbox: Outbox, faults: Faults, clock: Clock, refusal: str = "") -> Row:
    """The gateway as a row of readings; without a waiting row its oldest age is 0, which is measured, not guessed.

    What the outbox cannot say, since it cannot be read or what waits is not counted yet, is absent. `refusal` is why it takes no rows;
    empty if it does.
    """
    try:
        stats = outbox.stats()
    except (sqlite3.Error, OSError) as error:
        faults.count("outbox", str(error))
        return refusing(gateway, faults, clock)
    now = clock.now_ms()
    values = {
        "bus_faults": float(faults.counts.total()),
        "outbox_refuses": float(bool(refusal)),
        "outbox_bytes": float(stats.size),
        "outbox_lost": float(stats.lost),
        "outbox_set_aside": float(stats.set_aside),
    }
    if stats.depth is not None and stats.undated_by is not None:
        values |= {"outbox_depth": float(stats.depth)} | _oldest_age(stats.oldest_at, now) | _undated(stats.undated_by, clock)
    return Row(gateway, now, values)


def _oldest_age(oldest_at: int | None, now: int) -> dict[str, float]:
    """How long the oldest row that has its date waits, s; absent while the time is not known, since `now` counts from the boot then."""
    if oldest_at is None:
        return {"outbox_oldest_age": 0.0}
    return {"outbox_oldest_age": max((now - oldest_at) / 1000, 0.0)} if now >= EARLIEST else {}


def _undated(by_boot: Mapping[str, int], clock: Clock) -> dict[str, float]:
    """Rows of this boot wait for the clock; those of earlier boots for somebody who knows when these began."""
    present = by_boot.get(clock.boot if isinstance(clock, GatewayClock) else boot_id(), 0)
    return {"outbox_undated": float(present), "outbox_undatable": float(sum(by_boot.values()) - present)}


def refusing(gateway: str, faults: Faults, clock: Clock) -> Row:
    """What is known of the gateway while its outbox takes or gives nothing."""
    return Row(gateway, clock.now_ms(), {"bus_faults": float(faults.counts.total()), "outbox_refuses": 1.0})
