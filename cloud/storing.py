"""Whether what gateways send is stored, told through the database by the process that stores to those that only serve."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import sqlalchemy as sa

from cloud.health import STUCK
from cloud.platform import database
from contract.clock import Clock

NAME = "ingest"
"""Of the row that says so, and what `/healthz` says when it does not change."""
EVERY = 3.0
"""Seconds between two rows, and between two looks at them."""
LIMIT = STUCK
"""Seconds after which a row that does not change says that nothing is stored."""


async def tell(engine: sa.Engine, clock: Clock, stores: Callable[[], bool], name: str = NAME) -> None:
    """Write the row again and again while this process stores, until cancelled.

    Args:
        engine: Of the relational database; while it cannot be written nothing is told, which says the same.
        clock: Of the program.
        stores: Whether messages come in and the stores take them.
        name: Of the row.
    """
    while True:
        if stores():
            with contextlib.suppress(*database.REFUSED):
                await asyncio.to_thread(database.try_write, engine, clock.now_ms(), name)
        await asyncio.sleep(EVERY)


class Elsewhere:
    """The process that stores, as one that only serves knows it: it lives while its row changes, whatever its clock says."""

    def __init__(self, engine: sa.Engine) -> None:
        """Nothing is known yet."""
        self._engine = engine
        self._since = time.monotonic()
        """When the row changed last, or the process began."""
        self._rows: list[int | None] = []
        """The last row that was read, after the first look."""
        self._changed = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            with contextlib.suppress(*database.REFUSED):
                await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """Look at the row.

        Raises:
            sqlalchemy.exc.OperationalError: The database cannot be asked.
        """
        row = database.written_at(self._engine, NAME)
        if self._rows and self._rows != [row]:
            self._since, self._changed = time.monotonic(), True
        self._rows = [row]

    def down(self) -> str | None:
        """What is wrong: `ingest`, or `starting` before anything is known of it; None if nothing is."""
        if time.monotonic() - self._since > LIMIT:
            return NAME
        return None if self._changed else "starting"
