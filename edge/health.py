"""The gateway's own readings: how full the outbox is, how old its oldest row, what was lost, which faults were met."""

from __future__ import annotations

import time
from collections import Counter

import structlog

from contract.clock import Clock
from contract.reading import Row
from edge.outbox.outbox import Outbox

INTERVAL = 30.0
"""Seconds between two rows about the gateway."""
LOG_EVERY = 60.0
"""Seconds between two log lines about one source."""

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


def row(gateway: str, outbox: Outbox, faults: Faults, clock: Clock) -> Row:
    """The gateway as a row of readings; without a waiting row its oldest age is 0, which is measured, not guessed."""
    stats = outbox.stats()
    now = clock.now_ms()
    age = (now - stats.oldest_at) / 1000 if stats.oldest_at is not None else 0.0
    return Row(
        gateway,
        now,
        {
            "outbox_depth": float(stats.depth),
            "outbox_oldest_age": max(age, 0.0),
            "outbox_bytes": float(stats.size),
            "outbox_lost": float(stats.lost),
            "outbox_undated": float(stats.undated),
            "bus_faults": float(sum(faults.counts.values())),
        },
    )
