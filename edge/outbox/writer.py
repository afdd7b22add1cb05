"""Many pollers, one commit: rows that arrive while the disk works go to it together."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, takewhile
from typing import NamedTuple

import structlog

from contract.reading import Row
from edge.outbox.outbox import Outbox
from edge.outbox.retention import with_room
from edge.outbox.rows import Kept, damaged

log = structlog.get_logger()
Committed = Callable[[Sequence[Row], list[Kept], float], None]
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two commits while the disk refuses them; rows that come meanwhile go with the next."""


class _Put(NamedTuple):
    rows: Sequence[Row]
    boot: str | None
    """From whose start their times count; None where they have their date."""
    done: asyncio.Future[None]


async def _all(puts: Sequence[_Put]) -> None:
    await asyncio.gather(*(put.done for put in puts))


class Writer:
    """Commits rows in the background; what `put` returns is done when its rows are on disk."""

    def __init__(self, outbox: Outbox, committed: Committed, boot: Callable[[Row], str | None]) -> None:
        """Nothing is committed yet.

        Args:
            outbox: Takes the rows.
            committed: Told of each batch after it is on disk, of those that may be sent now, and when the first came (monotonic s).
            boot: Names the boot from whose start a row counts; None where it has its date.
        """
        self._outbox = outbox
        self._committed = committed
        self._boot = boot
        self._waiting: list[_Put] = []
        self._wake = asyncio.Event()
        self._since = 0.0
        """When the first of those that wait came."""
        self._began: float | None = None
        self.refusal = ""
        """Why the last commit was refused; empty while the disk takes rows."""

    def put(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Commit rows. A plain future, since each poll is a row and a task costs as much as its way to the disk.

        Returns:
            Done when they are on disk; `sqlite3.Error` in it says that the disk refused, and that they are not committed.
        """
        if not self._waiting:
            self._since = time.monotonic()
        loop = asyncio.get_running_loop()
        self._wake.set()
        if len(rows) == 1:  # as of every poll
            done: asyncio.Future[None] = loop.create_future()
            self._waiting.append(_Put(rows, self._boot(rows[0]), done))
            return done
        puts = [_Put(list(part), boot, loop.create_future()) for boot, part in groupby(rows, self._boot)]
        self._waiting += puts
        return asyncio.ensure_future(_all(puts))

    def stuck(self) -> float:
        """Seconds for which the disk has not answered; 0.0 while nothing waits for it."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def run(self) -> None:
        """Commit what waits, until cancelled."""
        pause = 0.0
        while True:
            await self._wake.wait()
            await asyncio.sleep(pause)
            self._wake.clear()
            since = self._since
            batch = self._next()
            self._began = time.monotonic()
            rows = [row for put in batch for row in put.rows]
            work = self._outbox.beside(self._commit, rows, batch[0].boot)
            (result,) = await asyncio.gather(work, return_exceptions=True)
            self._began = None
            self._tell(batch, result if isinstance(result, BaseException) else None)
            if isinstance(result, BaseException):
                pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
                self.refusal = str(result)
                continue
            if self.refusal:
                log.info("outbox takes rows again")
            pause, self.refusal = 0.0, ""
            self._committed(rows, result, since)

    @staticmethod
    def _tell(batch: Sequence[_Put], error: BaseException | None) -> None:
        for put in batch:
            if put.done.done():
                continue
            if error is not None:
                put.done.set_exception(error)
            else:
                put.done.set_result(None)

    def _next(self) -> list[_Put]:
        """What goes to the disk together: all that waits, but not what was read before and after the clock was set."""
        boot = self._waiting[0].boot
        batch = list(takewhile(lambda put: put.boot == boot, self._waiting))
        del self._waiting[: len(batch)]
        if self._waiting:
            self._wake.set()
        return batch

    def _commit(self, rows: Sequence[Row], boot: str | None) -> list[Kept]:
        """In a thread: once more after a damaged file was set aside, and as long as a full disk can be given room."""
        name, commit = self._outbox.uuid, partial(self._outbox.commit, rows, boot=boot)
        try:
            return with_room(self._outbox, commit)
        except sqlite3.Error as error:
            if not damaged(error) or self._outbox.uuid == name:
                raise
        return with_room(self._outbox, commit)
