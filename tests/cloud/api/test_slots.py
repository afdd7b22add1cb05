"""Large questions have so much room, in all and for one caller."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from fastapi import HTTPException

from cloud.api import readings
from cloud.api.slots import Slots
from cloud.telemetry.base import Stored
from contract.reading import Reading
from tests.cloud.api.conftest import GROUP, MIDNIGHT

if TYPE_CHECKING:
    from tests.cloud.api.conftest import Served


async def _hold(slots: Slots, caller: int, stack: list[asyncio.Task[None]], free: asyncio.Event) -> None:
    taken = asyncio.Event()

    async def work() -> None:
        async with slots.taken(caller):
            taken.set()
            await free.wait()

    stack.append(asyncio.create_task(work()))
    await taken.wait()


async def test_who_has_all_of_its_room_waits_and_is_then_refused() -> None:
    """One caller has two of three: its third is refused with 429, another's second with 503; what ends gives its room back."""
    slots, tasks, free = Slots(3, 2, 0.05), list[asyncio.Task[None]](), asyncio.Event()
    await _hold(slots, 1, tasks, free)
    await _hold(slots, 1, tasks, free)
    with pytest.raises(HTTPException) as refused:
        await _hold_once(slots, 1)
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "5"})
    await _hold(slots, 2, tasks, free)
    with pytest.raises(HTTPException) as busy:
        await _hold_once(slots, 3)
    assert busy.value.status_code == 503
    free.set()
    await asyncio.gather(*tasks)
    await _hold_once(slots, 1)


async def _hold_once(slots: Slots, caller: int) -> None:
    async with slots.taken(caller):
        pass


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_answer_has_so_many_readings(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than that is refused with what to ask instead; as many are answered."""
    monkeypatch.setattr(readings, "MOST_SAMPLES", 50)
    start = MIDNIGHT - 86_400_000
    lines = [Stored(GROUP, "electricity", Reading("e1", "power", 1.0, start + n * 1000)) for n in range(51)]
    served.context.telemetry.write(lines)
    asked = {"device": "e1", "point": "power", "start": "2026-03-08T16:00:00Z"}
    full = await served.get("/api/v1/readings", asked | {"end": "2026-03-08T16:00:50Z"})
    assert (full.status_code, len(full.json())) == (200, 50)
    more = await served.get("/api/v1/readings", asked | {"end": "2026-03-08T16:00:51Z"})
    assert (more.status_code, more.json()["detail"]) == (413, "end: there are more than 50 readings; ask in parts, or with every=hour")
