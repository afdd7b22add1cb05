"""Writes the indicators back to the time-series store beside everything else, where Grafana reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from cloud.indicators.figures import publish, publish_closed
from cloud.ledger.periods import DAY_MS
from cloud.platform import database
from cloud.telemetry.base import FiguresError, StoreDown, Telemetry
from contract.clock import Clock

log = structlog.get_logger()
EVERY = 900.0
"""Seconds of the clock between two rounds, since the ledger grows by the quarter of an hour."""
SOON = 10.0
"""Seconds after which a round is tried again where the ledger has not caught up yet."""
AGAIN = 60.0
"""Seconds after which a round is tried again where a store is down."""


@dataclass
class Publisher:
    """This year's rows and the last year's last one in each round; at the start and once a day the last rows of all years.

    A year that is over still changes: fuel is entered in January, a gateway comes back, a record explains a counter.

    Attributes:
        engine: Of registry and ledger.
        telemetry: Where figures go.
        clock: Of the program.
        caught_up: Whether the ledger has settled what came in, but for a few hours.
        dated: Whether the date is sure enough to write the last row of a year.
    """

    engine: sa.Engine
    telemetry: Telemetry
    clock: Clock
    caught_up: Callable[[], bool]
    dated: Callable[[], bool] = lambda: True
    _all_at: int | None = None

    async def run(self) -> None:
        """Publish until cancelled, at once and then every `EVERY`."""
        while True:
            try:
                pause = EVERY if await asyncio.to_thread(self.once) else SOON
            except FiguresError as error:
                pause = EVERY
                log.error("indicators are refused", reason=str(error), seconds=pause)  # noqa: TRY400 (one line tells it)
            except (StoreDown, *database.REFUSED) as error:
                pause = AGAIN
                log.warning("indicators wait", reason=str(error).splitlines()[0], seconds=pause)
            await asyncio.sleep(self.clock.real_seconds(pause))

    def once(self) -> bool:
        """One round, which closes no year while the date is not sure; False without one while the ledger has not caught up.

        Raises:
            FiguresError: The time-series store will not take some of the figures.
            StoreDown: The time-series store cannot be asked.
            sqlalchemy.exc.OperationalError: The database cannot be asked.
        """
        if not self.caught_up():
            return False
        now = self.clock.now_ms()
        publish(self.engine, self.telemetry, now)
        if not self.dated():
            return True
        all_due = self._all_at is None or abs(now - self._all_at) >= DAY_MS
        publish_closed(self.engine, self.telemetry, now, None if all_due else 1)
        self._all_at = now if all_due else self._all_at
        return True
