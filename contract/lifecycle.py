"""How a program runs until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine

_AGAIN = 1.0


def heed_cancellation() -> None:
    """End a task that was told to stop and did not notice; called once a round by loops that run for ever.

    In CPython 3.11 `asyncio.wait_for` forgets a cancellation that comes in the same moment as what it waits for, and the
    MQTT client waits with it at every packet; the Modbus client turns a cancellation into a fault of the device. Not for
    a task that held a task group: CPython leaves the group's own cancellation counted.

    Raises:
        asyncio.CancelledError: The running task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def until_signalled(work: Coroutine[object, object, None], stopping: Callable[[], None] = lambda: None) -> None:
    """Run `work` until it ends, or until SIGINT or SIGTERM cancels it.

    The cancellation is repeated: a task group whose part fails in the same moment as it is cancelled reports the failure
    and forgets the cancellation (CPython 3.11 and 3.12), and a reconnect loop around it would go on for ever.

    Args:
        work: What the program does.
        stopping: Called when a signal came, before the work is cancelled.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.ensure_future(work)
    signalled = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({running, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        stopping()
    signalled.cancel()
    while not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=_AGAIN)
    if not running.cancelled():
        running.result()
