"""Where drivers bring their rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence

from contract.reading import Row


class Desk:
    """Takes rows, refuses as many times as a test wants, or makes a driver wait until it may go on."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.counted: list[str] = []
        self.refusals = 0
        self.changed = asyncio.Condition()
        self.asked = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    async def commit(self, rows: Sequence[Row]) -> None:
        """As the gateway gives it to drivers."""
        self.asked.set()
        await self.may.wait()
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        async with self.changed:
            self.rows += rows
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for rows, or for what else is told."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(condition)
