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
_DEVICE_TOPIC = 5
"""Parts of spBv1.0/GROUP/DDATA/NODE/DEVICE."""


class _Row(NamedTuple):
    """A number that somebody else changes, and when it was seen to change last, by the monotonic clock; None if it never was."""

    number: int
    changed: float | None


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
        self.workers = 0
        """How many store."""

    def look(self, known: Known) -> None:
        """Read who stores and which nodes are left to the leader, and give back those of which nothing is being found out any more.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be asked or written.
        """
        with self._engine.connect() as connection:
            told, left = told_by(connection, WORKER), left_to_leader(connection)
        now = time.monotonic()
        before = None if self._rows is None else now  # at the first look nobody knows how old a row is
        rows = {name: _seen((self._rows or {}).get(name), at, now, first=before) for name, at in told.items()}
        given = {key: _seen(self._handed.get(key), number, now, first=now) for key, number in left.items()}
        asked = _found_out(known)
        back = {key: row.number for key, row in given.items() if not _within(row, now, HELD) and key not in asked}
        gone = [name for name, row in rows.items() if row.changed is not None and not _within(row, now, LIMIT)]
        if back or gone:
            with writing(self._engine).begin() as connection:
                handed.give_back(connection, back)
                forget_told(connection, gone)
        self._rows = {name: row for name, row in rows.items() if name not in gone}
        self._handed = {key: row for key, row in given.items() if key not in back}
        self._count(sum(_within(row, now, LIMIT) for row in rows.values()))

    def _count(self, workers: int) -> None:
        if workers != self.workers:
            log.info("ingest workers store", workers=workers)
        self.workers = workers

    def mine(self, messages: Sequence[Message], known: Known) -> Sequence[Message]:
        """Those that the leader takes, in their order: all while no worker stores.

        Else all but the data of devices of nodes with an outbox; of these it takes what workers left to it, what comes right after a
        birth, and all while something is being found out about a clock of the node.
        """
        if not self.workers:
            return messages
        now, asked, found = time.monotonic(), _found_out(known), []
        self._fresh = {key: at for key, at in self._fresh.items() if now - at < FRESH}
        for message in messages:
            parts = message.topic.split("/", 4)
            if len(parts) == _DEVICE_TOPIC and parts[2] == "DDATA":
                key = parts[1], parts[3]
                node = known.nodes.get(key)
                if node is not None and node.outbox is not None and not (key in asked or key in self._handed or key in self._fresh):
                    continue
            elif len(parts) > 3 and parts[2].endswith("BIRTH"):  # noqa: PLR2004 (spBv1.0/GROUP/NBIRTH/NODE)
                self._fresh[parts[1], parts[3]] = now
            found.append(message)
        LEFT.labels("workers").inc(len(messages) - len(found))
        return found


def _seen(before: _Row | None, number: int, now: float, *, first: float | None) -> _Row:
    if before is None:
        return _Row(number, first)
    return before if before.number == number else _Row(number, now)


def _within(row: _Row, now: float, seconds: float) -> bool:
    return row.changed is not None and now - row.changed <= seconds


def _found_out(known: Known) -> set[Key]:
    """The nodes that have a clock, or a device with one, about which something is being found out."""
    return {
        (group, placed.gateway if (placed := known.devices.get((group, source))) is not None else source)
        for group, source in list(known.clocks)
    }
