"""An application over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.waiting import until


@asynccontextmanager
async def listening(app: Any, *, cut: bool = False, **settings: Any) -> AsyncIterator[tuple[uvicorn.Server, int]]:  # noqa: ANN401 (as uvicorn takes them)
    """A server of it, and its port; with the block it ends as a service does that is stopped, or cuts who is still there."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", **settings))
    running = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit, server.force_exit = True, cut
        await running
