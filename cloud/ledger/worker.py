"""Settles touched hours beside everything else, as they come, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.ledger import book
from cloud.ledger.rounds import round_of_turns
from cloud.platform import database
from cloud.telemetry.base import StoreDown, Telemetry
from contract.clock import Clock

log = structlog.get_logger()
_T = TypeVar("_T")

SETTLED = prometheus_client.Counter("jieyue_ledger_hours_settled", "Touched hours of meters that were counted anew.")
LOOK_EVERY = 10.0
"""Seconds of the clock between two looks without a wake: another process may have touched hours."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Real seconds between two tries while a store is down."""
BREATH, LONGEST_BREATH = 0.5, 10.0
"""Real seconds between two rounds, as many as the last one took within these: an hour that is touched every second need not be
counted every second, and readings that pour in leave half of the time to what stores them. What takes longer is a backlog."""
CALM, PATIENCE = 1.0, 60.0
"""Real seconds: history is settled once it grew little for so long, or after so long at the latest."""
_FLOOD = 1000
"""Touched hours in `CALM` that count as history coming in: settled half-way, its open end would be spread up to today again
and again."""
TELL_EVERY = 10.0
"""Real seconds between two log lines while the ledger catches up; what takes less is not told."""


@dataclass(slots=True)
class State:
    """What the worker shows of itself.

    Attributes:
        backlog: Touched hours that wait, as last counted.
        settled: Touched hours settled since the start.
        down: Why the last pass failed; empty if it did not.
    """

    backlog: int = 0
    settled: int = 0
    down: str = ""


async def run(engine: sa.Engine, telemetry: Telemetry, clock: Clock, wake: asyncio.Event, state: State | None = None) -> None:
    """Settle until cancelled; a store that is down is tried again, ever less often.

    Args:
        engine: Of the ledger.
        telemetry: Where samples are and figures go.
        clock: Of the program.
        wake: Set by whoever touched hours.
        state: Kept up to date for health and metrics.
    """
    shown = State() if state is None else state
    pause = FIRST_PAUSE
    while True:
        wake.clear()
        try:
            await _calm(engine, shown)
            began = time.monotonic()
            if shown.backlog:
                await _catch_up(engine, telemetry, shown)
        except (StoreDown, *database.REFUSED) as error:
            shown.down = str(error)
            log.warning("ledger waits", reason=shown.down, seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        shown.down, pause = "", FIRST_PAUSE
        await asyncio.sleep(min(max(BREATH, time.monotonic() - began), LONGEST_BREATH))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(clock.real_seconds(LOOK_EVERY)):
                await wake.wait()


async def _catch_up(engine: sa.Engine, telemetry: Telemetry, state: State) -> None:
    """Give the meters turns until none has hours left that waited before; a stop waits for what is written at once, a second or so."""
    before, pace, more = state.settled, _Pace(), True
    while more:
        more, turns = False, round_of_turns(engine, telemetry)
        while (done := await in_thread(partial(next, turns, None))) is not None:
            more |= done.more
            state.settled += done.hours
            state.backlog = max(state.backlog - done.hours, 0)
            SETTLED.inc(done.hours)
            pace.tell(state.settled - before, state.backlog)
        state.backlog = await asyncio.to_thread(book.backlog, engine)


@dataclass(slots=True)
class _Pace:
    """How fast the ledger catches up, told while that takes long."""

    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def tell(self, settled: int, left: int) -> None:
        """Log it, unless that was done just now.

        Args:
            settled: Hours since the begin.
            left: Hours that wait.
        """
        now = time.monotonic()
        if now - self.told < TELL_EVERY:
            return
        self.told = now
        rate = settled / max(now - self.began, 1e-3)
        log.info("the ledger catches up", hours_left=left, hours_per_second=round(rate), seconds_left=round(left / rate))


async def _calm(engine: sa.Engine, state: State) -> None:
    """Return when hours come in as live readings touch them, not as history does."""
    state.backlog = await asyncio.to_thread(book.backlog, engine)
    for _ in range(int(PATIENCE / CALM)):
        if state.backlog < _FLOOD:
            return
        before = state.backlog
        await asyncio.sleep(CALM)
        state.backlog = await asyncio.to_thread(book.backlog, engine)
        if state.backlog - before < _FLOOD:
            return


async def in_thread(work: Callable[[], _T]) -> _T:
    """One pass over the stores; when cancelled, it is waited for, since the stores are closed afterwards."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(StoreDown, *database.REFUSED):
            await task
        raise
