"""Many pollers, one commit: rows that arrive while the disk works go to it together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from contract.reading import Row
from edge.outbox.outbox import Kept, Outbox


class Writer:
    """Commits rows in the background; `put` returns when its rows are on disk."""

    def __init__(self, outbox: Outbox, committed: Callable[[list[Kept], float], None], boot: Callable[[], str | None]) -> None:
        """Nothing is committed yet.

        Args:
            outbox: Takes the rows.
            committed: Told of each batch after it is on disk, and when the first of its rows came (monotonic s).
            boot: Names the boot while the clock is not set.
        """
        self._outbox = outbox
        self._committed = committed
        self._boot = boot
        self._waiting: list[tuple[Sequence[Row], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._since = 0.0
        """When the first of those that wait came."""
        self._began: float | None = None

    async def put(self, rows: Sequence[Row]) -> None:
        """Commit rows.

        Raises:
            sqlite3.Error: The disk refused; the rows are not committed.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append((rows, done))
        self._wake.set()
        await done

    def stuck(self) -> float:
        """Seconds for which the disk has not answered; 0.0 while nothing waits for it."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def run(self) -> None:
        """Commit what waits, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            since = self._since
            rows = [row for group, _ in batch for row in group]
            self._began = time.monotonic()
            work = asyncio.to_thread(self._outbox.commit, rows, boot=self._boot())
            (result,) = await asyncio.gather(work, return_exceptions=True)
            self._began = None
            for _, done in batch:
                if done.done():
                    continue
                if isinstance(result, BaseException):
                    done.set_exception(result)
                else:
                    done.set_result(None)
            if not isinstance(result, BaseException):
                self._committed(result, since)
