"""The primary host application's word, its STATE: while it is away nothing is born (Sparkplug 3.0, sections 5.4 and 6.4.27)."""

from __future__ import annotations

import asyncio
import json

import structlog

log = structlog.get_logger()


class PrimaryHost:
    """Whether the primary host is online, as far as it said so in order."""

    def __init__(self) -> None:
        self._seen = 0
        self._online = asyncio.Event()

    def heard(self, raw: bytes) -> bool | None:
        """Take a STATE: True if the host is online, False if not; None for older news than the last, and for garbage.

        tck-id-message-flow-edge-node-birth-publish-phid-wait-timestamp, -phid-offline.
        """
        try:
            online, at = parse_state(raw)
        except ValueError as error:
            log.warning("STATE dropped", reason=str(error))
            return None
        if at < self._seen:
            return None
        self._seen = at
        (self._online.set if online else self._online.clear)()
        return online

    def forget(self) -> None:
        """A session ended: the host's word must be heard anew; what it said last still makes older news old."""
        self._online.clear()

    async def wait(self) -> None:
        """Until the host is online."""
        while not self._online.is_set():  # it may have gone between its word and our turn
            await self._online.wait()


def parse_state(raw: bytes) -> tuple[bool, int]:
    """(online, timestamp in ms) of a STATE payload (tck-id-host-topic-phid-birth-payload).

    Raises:
        ValueError: Not of that form.
    """
    try:
        news = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(news, dict) or type(news.get("online")) is not bool or type(news.get("timestamp")) is not int:
        raise ValueError('expected {"online": true or false, "timestamp": ms}')
    return news["online"], news["timestamp"]
