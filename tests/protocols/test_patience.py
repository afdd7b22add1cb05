"""To wait until woken, but no longer than until a moment."""

from __future__ import annotations

import asyncio
import time

import pytest

from protocols.patience import Patience
from tests.waiting import until


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The moments of all timers that are set."""
    moments, set_timer = list[float](), Patience._set

    def noted(patience: Patience, moment: float) -> None:
        moments.append(moment)
        set_timer(patience, moment)

    monkeypatch.setattr(Patience, "_set", noted)
    return moments


async def test_who_is_woken_hears_it_and_who_is_not_waits_to_the_end() -> None:
    """True before the moment, False after it, and not before it."""
    patience = Patience()
    waits = asyncio.create_task(patience.until(time.monotonic() + 60.0))
    await asyncio.sleep(0)
    patience.wake()
    assert await waits
    began = time.monotonic()
    assert not await patience.until(began + 0.02)
    assert time.monotonic() >= began + 0.02


async def test_the_timer_of_an_earlier_wait_ends_no_later_one() -> None:
    """It fires in the middle of the next wait, which goes on; a shorter wait after a longer one gets its own moment."""
    patience = Patience()
    first = asyncio.create_task(patience.until(time.monotonic() + 0.02))
    await asyncio.sleep(0)
    patience.wake()
    assert await first
    began = time.monotonic()
    assert not await patience.until(began + 0.1)
    assert time.monotonic() >= began + 0.1
    long = asyncio.create_task(patience.until(time.monotonic() + 60.0))
    await asyncio.sleep(0)
    patience.wake()
    assert await long
    assert not await patience.until(time.monotonic() + 0.02)


async def test_one_timer_serves_many_waits(timers: list[float]) -> None:
    """A thousand answers in time are one timer and not a thousand."""
    patience = Patience()
    for _ in range(1000):
        waits = asyncio.create_task(patience.until(time.monotonic() + 60.0))
        await asyncio.sleep(0)
        patience.wake()
        assert await waits
    assert len(timers) == 1
    patience.close()


async def test_who_waits_when_it_is_closed_is_woken() -> None:
    """A line that is closed in the middle of a request: nobody would ever end the wait."""
    patience = Patience()
    waits = asyncio.create_task(patience.until(time.monotonic() + 60.0))
    await asyncio.sleep(0)
    patience.close()
    assert await waits


async def test_a_wait_that_is_given_up_leaves_nothing(timers: list[float]) -> None:
    """A cancelled wait is over; its timer, which fires later, wakes nobody and starts no other."""
    patience = Patience()
    waits = asyncio.create_task(patience.until(time.monotonic() + 0.02))
    await asyncio.sleep(0)
    waits.cancel()
    await asyncio.gather(waits, return_exceptions=True)
    await until(lambda: patience._timer is None)
    assert len(timers) == 1
