"""What the cloud has stored is marked beside whoever hears of it: a disk that hangs keeps nobody from hearing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from edge.outbox.outbox import Outbox
from edge.outbox.retention import with_room

Spans = Sequence[tuple[int, int]]
MOST_UNMARKED = 10_000
"""Ranges of acknowledged positions that are remembered until the disk takes them; what is beyond is sent again."""


class Marks:
    """Acknowledgements on their way to the disk, in the order in which they came."""

    def __init__(self, outbox: Outbox, marked: Callable[[Spans], None], refused: Callable[[sqlite3.Error], None]) -> None:
        """Nothing is acknowledged yet.

        Args:
            outbox: Whose rows are acknowledged.
            marked: Told of what the cloud has after the disk took it, or refused it: these rows stay pending then, and are marked with
                the next ones, or sent again in the next session.
            refused: Told of the error then.
        """
        self._outbox, self._marked, self._refused = outbox, marked, refused
        self._uuid, self._owed = "", list[tuple[int, int]]()
        self._wake = asyncio.Event()

    def add(self, uuid: str, spans: Spans) -> None:
        """The cloud has rows of the outbox of this name; what it had of another one means nothing now."""
        if uuid != self._uuid:
            self._uuid, self._owed = uuid, []
        self._owe(spans)
        self._wake.set()

    async def run(self) -> None:
        """Mark what is owed, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            uuid, owed, self._owed = self._uuid, self._owed, []
            try:
                mark = partial(self._outbox.acknowledge, owed, of=uuid)
                await self._outbox.beside(with_room, self._outbox, mark)  # what the cloud has may go: that must be said on a full disk too
            except sqlite3.Error as error:
                if uuid == self._uuid == self._outbox.uuid:
                    later, self._owed = self._owed, owed
                    self._owe(later)
                self._refused(error)
            if uuid == self._outbox.uuid:
                self._marked(owed)

    def _owe(self, spans: Spans) -> None:
        self._owed = [*self._owed, *spans][-MOST_UNMARKED:]
