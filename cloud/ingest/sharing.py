"""What the leader leaves to ingest workers, while there are any: data of nodes that keep what they send until it is acknowledged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import prometheus_client
import sqlalchemy as sa
import structlog

from cloud.devices.queries.nodes import left_to_leader
from cloud.devices.repository import handed
from cloud.ingest.batch import Message
from cloud.ingest.node_cache import Key, Known
from cloud.platform.database import forget_told, told_by, writing

log = structlog.get_logger()
LEFT = prometheus_client.Counter("jieyue_ingest_left", "Messages that the leader left to workers, or a worker to the leader.", ["to"])
WORKER = "worker"
"""The first word of the names of the rows by which workers say that they store."""
LIMIT = 15.0
"""Seconds after which a worker whose row does not change stores nothing."""
FRESH = 5.0
"""Seconds after a birth for which the leader takes the node's data too: workers may not have read of it yet."""
HELD = 60.0
"""Seconds for which the leader takes the data of a node that a worker left to it."""
ASKED = 600.0
"""Seconds after a device's last word for which its node is the leader's, while something is being found out about the device's clock."""
_DEVICE_TOPIC = 5
"""Parts of spBv1.0/GROUP/DDATA/NODE/DEVICE."""


class _Row(NamedTuple):
    """A number that somebody else changes."""

    number: int
    since: float
    """When it was seen first, by the monotonic clock."""
    lives: bool
    """Whether it was seen to come or to change; of one that was there before, nobody knows how old it is."""


class Sharing:
    """Which messages the leader takes. Where it errs both store, and what is stored twice is stored once in effect."""

    def __init__(self, engine: sa.Engine) -> None:
        """Nobody else stores until a worker's row was seen to come or to change."""
        self._engine = engine
        self._rows: dict[str, _Row] | None = None
        """Of workers, by name; None before the first look."""
        self._handed: dict[Key, _Row] = {}
        self._fresh: dict[Key, float] = {}
        """When nodes were born last, by the monotonic clock."""
        self._heard: dict[tuple[str, str], float] = {}
        """When those were heard last of whose clocks something is being found out, by group and source."""
        self.workers = 0
        """How many stored, when that was asked last."""

    def look(self, known: Known) -> None:
        """Read who stores and which nodes are left to the leader, and give back those of which nothing is being found out any more.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be asked or written.
        """
        with self._engine.connect() as connection:
            told, left = told_by(connection, WORKER), left_to_leader(connection)
        now, before = time.monotonic(), self._rows
        rows = {name: _seen((before or {}).get(name), at, now, lives=before is not None) for name, at in told.items()}
        given = {key: _seen(self._handed.get(key), number, now, lives=True) for key, number in left.items()}
        self._rows, self._handed = rows, given
        self._count(now)
        asked = self._found_out(known, now)
        back = {key: row.number for key, row in given.items() if now - row.since > HELD and key not in asked}
        gone = [name for name, row in rows.items() if now - row.since > LIMIT]
        if back or gone:
            with writing(self._engine).begin() as connection:
                handed.give_back(connection, back)
                forget_told(connection, gone)
            self._rows = {name: row for name, row in rows.items() if name not in gone}
            self._handed = {key: row for key, row in given.items() if key not in back}

    def _count(self, now: float) -> int:
        """How many workers store; looks that fail or hang see none, so the leader takes all then."""
        workers = sum(row.lives and now - row.since <= LIMIT for row in (self._rows or {}).values())
        if workers != self.workers:
            log.info("ingest workers store", workers=workers)
        self.workers = workers
        return workers

    def _found_out(self, known: Known, now: float) -> set[Key]:
        """The nodes of whose clock something is being found out, or of the clock of a device that was heard within the last minutes.

        A device that says nothing any more keeps no others from the workers: what it says, if ever, is the leader's anyway.
        """
        found = set()
        for group, source in list(known.clocks):
            placed = known.devices.get((group, source))
            if placed is None or placed.gateway == source or now - self._heard.get((group, source), now) <= ASKED:
                found.add((group, source if placed is None else placed.gateway))
        return found

    def mine(self, messages: Sequence[Message], known: Known) -> Sequence[Message]:
        """Those that the leader takes, in their order: all while no worker stores.

        Else all but the data of devices of nodes with an outbox; of these it takes what workers left to it, what comes right after a
        birth, what a device says of whose clock something is being found out, and all of its node meanwhile.
        """
        now = time.monotonic()
        if not self._count(now):
            return messages
        self._heard = {source: self._heard.get(source, now) for source in list(known.clocks)}
        asked, found = self._found_out(known, now), []
        self._fresh = {key: at for key, at in self._fresh.items() if now - at < FRESH}
        for message in messages:
            parts = message.topic.split("/", 4)
            if len(parts) == _DEVICE_TOPIC and parts[2] == "DDATA":
                key, source = (parts[1], parts[3]), (parts[1], parts[4])
                node = known.nodes.get(key)
                if source in self._heard:
                    self._heard[source] = now
                elif node is not None and node.outbox is not None and not (key in asked or key in self._handed or key in self._fresh):
                    continue
            elif len(parts) > 3 and parts[2].endswith("BIRTH"):  # noqa: PLR2004 (spBv1.0/GROUP/NBIRTH/NODE)
                self._fresh[parts[1], parts[3]] = now
            found.append(message)
        LEFT.labels("workers").inc(len(messages) - len(found))
        return found


def _seen(before: _Row | None, number: int, now: float, *, lives: bool) -> _Row:
    if before is None:
        return _Row(number, now, lives)
    return before if before.number == number else _Row(number, now, lives=True)
