"""Server-Sent Events: the newest readings, as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from cloud.api.context import Context
from cloud.api.latest import latest_readings
from cloud.api.shapes import Latest
from contract.clock import parse_time

PERIOD = 1.0
"""Seconds between two looks."""
ROUNDS = 300
"""Looks before the stream ends; the browser comes back by itself, and its token is asked for again."""
_OVERLAP = 10_000
"""Ms of receipt looked at again: a transaction may become visible after a later one."""
_LIST = TypeAdapter(list[Latest])


async def stream(context: Context, rounds: int = ROUNDS, period: float = PERIOD) -> AsyncIterator[bytes]:
    """All newest readings first, then those that changed; a comment where nothing did, so that a dead line is noticed."""
    sent: dict[tuple[str, str], Latest] = {}
    since: int | None = None
    yield b"retry: 1000\n\n"
    for turn in range(rounds):
        if turn:
            await asyncio.sleep(period)
        found = await run_in_threadpool(latest_readings, context, received_from=since)
        changed = [item for item in found if sent.get((item.device, item.point)) != item]
        sent.update({(item.device, item.point): item for item in changed})
        since = max((parse_time(item.received_at) for item in found), default=(since or 0) + _OVERLAP) - _OVERLAP
        yield b"event: readings\ndata: " + _LIST.dump_json(changed) + b"\n\n" if changed else b": nothing changed\n\n"
