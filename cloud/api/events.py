"""Server-Sent Events: the newest readings and the alerts, or what the wall shows, as they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import orjson
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from cloud.alerts import book
from cloud.api.alerts import alerts
from cloud.api.context import Context
from cloud.api.latest import latest_readings
from cloud.api.shapes import Alert, Latest
from cloud.api.wall.changes import State, changes
from cloud.api.wall.snapshot import Wall
from contract.clock import parse_time

PERIOD = 1.0
"""Seconds between two looks."""
ROUNDS = 300
"""Looks before the stream ends; the browser comes back by itself, and its token is asked for again."""
_OVERLAP = 10_000
"""Ms of receipt looked at again: a transaction may become visible after a later one."""
_LIST = TypeAdapter(list[Latest])
_ALERTS = TypeAdapter(list[Alert])
Valid = Callable[[], bool]
"""Whether the caller's token still holds; a stream ends with it."""


async def stream(context: Context, valid: Valid, rounds: int = ROUNDS, period: float = PERIOD) -> AsyncIterator[bytes]:
    """All newest readings first, then those that changed; a comment where none did, so that a dead line is noticed.

    Beside them the list of alerts, at first if there ever was one and whenever an alert, or who was told of it, changed.
    """
    sent: dict[tuple[str, str], Latest] = {}
    since: int | None = None
    version = 0
    yield b"retry: 1000\n\n"
    for turn in range(rounds):
        if turn:
            await asyncio.sleep(period)
            if not await run_in_threadpool(valid):
                return
        found = await run_in_threadpool(latest_readings, context, received_from=since)
        changed = [item for item in found if sent.get((item.device, item.point)) != item]
        sent.update({(item.device, item.point): item for item in changed})
        since = max((parse_time(item.received_at) for item in found), default=(since or 0) + _OVERLAP) - _OVERLAP
        newest = await run_in_threadpool(book.version, context.engine)
        if newest != version:
            version = newest
            yield b"event: alerts\ndata: " + _ALERTS.dump_json(await run_in_threadpool(alerts, context)) + b"\n\n"
        yield b"event: readings\ndata: " + _LIST.dump_json(changed) + b"\n\n" if changed else b": nothing changed\n\n"


async def wall_stream(wall: Wall, valid: Valid, rounds: int = ROUNDS) -> AsyncIterator[bytes]:
    """`snapshot` with all that the wall shows, then `change` with the sections, and of lists the things, that changed.

    A `snapshot` comes again when things were added or taken away.
    """
    before: State | None = None
    yield b"retry: 1000\n\n"
    for turn in range(rounds):
        if turn:
            await asyncio.sleep(wall.period)
            if not await run_in_threadpool(valid):
                return
        after = await run_in_threadpool(lambda: wall.snapshot().model_dump())
        changed = None if before is None else changes(before, after)
        before = after
        yield _event("snapshot", after) if changed is None else _event("change", changed)


def _event(name: str, data: State) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
