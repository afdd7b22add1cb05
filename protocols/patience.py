"""To wait until woken, but no longer than until a moment."""

from __future__ import annotations

import asyncio
import time


class Patience:
    """One who waits, again and again. One timer serves many waits: a timer for each would cost a twentieth of a poll."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiter: asyncio.Future[bool] | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        """When the timer fires, monotonic."""

    async def until(self, moment: float) -> bool:
        """Whether `wake` was called before a moment (monotonic, in seconds)."""
        self._waiter, self._until = asyncio.get_running_loop().create_future(), moment
        if self._timer is None or self._due > moment:
            self._set(moment)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        self._end(woken=True)

    def close(self) -> None:
        """Let go of the timer; who still waits is woken."""
        self._stop()
        self.wake()

    def _end(self, *, woken: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(woken)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, moment: float) -> None:
        self._stop()
        self._due = moment
        self._timer = asyncio.get_running_loop().call_later(max(0.0, moment - time.monotonic()), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if time.monotonic() < self._until:
            self._set(self._until)
        else:
            self._end(woken=False)
