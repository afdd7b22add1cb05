"""Waiting for conditions, and what runs while a test waits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when something holds that sets no event: a state, a file, what another thread writes."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (there is no event)
            await asyncio.sleep(0.01)


def wait(condition: Callable[[], object], what: str, *, seconds: float = 60.0, every: float = 0.05) -> None:
    """The same without a loop; fails with what has not come about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(every)


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """It runs until the block ends; if it failed meanwhile, that is raised then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
