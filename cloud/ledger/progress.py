"""How far the ledger has caught up, for whoever looks: what waits, of which meters and energies, and how fast it goes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from cloud.ledger.book import backlog
from cloud.ledger.model import OfMeter
from cloud.ledger.queries.progress import provisional_hours, waiting_hours

MOST = 10
"""So many meters are named."""
LOOKED = 0.7
"""Seconds between two looks at the list, of which the rate is: a few transactions of the settler."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the ledger is.

    Attributes:
        meters: Those with touched hours, the one with the most first.
        provisional: Hours in the ledger that what follows may decide otherwise, by energy.
        rate: By how many hours a second the list became shorter just now; None while nothing waits.
    """

    meters: Sequence[OfMeter]
    provisional: Mapping[str, int]
    rate: float | None

    @property
    def waiting(self) -> int:
        """Touched hours that wait."""
        return sum(one.hours for one in self.meters)

    @property
    def oldest(self) -> int | None:
        """Begin of the oldest hour that waits, ms; None if none does."""
        return min((one.oldest for one in self.meters), default=None)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until nothing waits, at this rate; None where the list does not become shorter."""
        return self.waiting / self.rate if self.rate is not None and self.rate > 0 else None

    @property
    def energies(self) -> list[tuple[str, int, int]]:
        """Each energy with its hours that wait and those that are provisional; the energy of a meter that is not known is empty."""
        waits: Counter[str] = Counter()
        for one in self.meters:
            waits[one.energy or ""] += one.hours
        return [(name, waits[name], self.provisional.get(name, 0)) for name in sorted({*waits, *self.provisional})]


def progress(engine: sa.Engine) -> Progress:
    """Look at the list twice, `LOOKED` apart, if anything waits. Reads only.

    Raises:
        sqlalchemy.exc.OperationalError: The database cannot be asked.
    """
    began, before = time.monotonic(), backlog(engine)
    with engine.connect() as connection:
        meters, provisional = waiting_hours(connection), provisional_hours(connection)
    if not before:
        return Progress(meters, provisional, None)
    time.sleep(max(began + LOOKED - time.monotonic(), 0))
    shorter = max(before - backlog(engine), 0)  # what is touched meanwhile makes it longer
    return Progress(meters, provisional, shorter / (time.monotonic() - began))
