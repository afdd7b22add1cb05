"""Who is connected, and who has to go when there is no room: never a terminal that has authenticated."""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from dataclasses import dataclass

from protocols.jt808.driver.session import Session
from protocols.jt808.model.limits import TerminalLimits

_FILES_LEFT = 128
"""Descriptors that the rest of the gateway needs."""


@dataclass(frozen=True, eq=False)
class Connection:
    """One open connection.

    Attributes:
        peer: Its address.
        writer: Where answers go.
        session: What was said on it.
        opened: When, in seconds of the event loop.
    """

    peer: str
    writer: asyncio.StreamWriter
    session: Session
    opened: float


class Connections:
    """The open connections of a listener, within its limits."""

    def __init__(self, limits: TerminalLimits, terminals: int) -> None:
        """Nobody is connected yet.

        Args:
            limits: Of the bus.
            terminals: How many the site knows; each may have an old connection that nobody closed.
        """
        self.most = limits.connections or 2 * terminals + 256
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        if files != resource.RLIM_INFINITY:
            self.most = min(self.most, max(files - _FILES_LEFT, 1))
        self.most_per_address = limits.connections_per_address or 2 * terminals + 16
        self._open: dict[Connection, None] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, new: Connection) -> Connection | None:
        """Let a connection in; the one that has to go for it, which is the new one itself where all others are terminals' own."""
        leaves: Connection | None = None
        if self._per_address[new.peer] >= self.most_per_address:
            leaves = self._weakest(new.peer) or new
        elif len(self._open) >= self.most:
            waiting = Counter(one.peer for one in self._open if one.session.device is None)
            leaves = self._weakest(max(waiting, key=waiting.__getitem__)) if waiting else new
        if leaves is not new:
            self._open[new] = None
            self._per_address[new.peer] += 1
        if leaves is not None and leaves is not new:
            self.leave(leaves)
        return leaves

    def leave(self, old: Connection) -> None:
        """A connection has ended; nothing happens if it had left already."""
        if old not in self._open:
            return
        del self._open[old]
        self._per_address[old.peer] -= 1
        if not self._per_address[old.peer]:
            del self._per_address[old.peer]

    def _weakest(self, peer: str) -> Connection | None:
        """Of the connections of an address that have not authenticated: who named no phone that we know, and came first."""
        found = [one for one in self._open if one.peer == peer and one.session.device is None]
        return min(found, key=lambda one: (one.session.promising, one.opened), default=None)
