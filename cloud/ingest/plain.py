"""What an ingest worker may take: data that is stored alike whatever else is known, so that it needs no memory of its own.

It decodes as the leader does. Where that leaves a trace beyond readings, newest values, touched hours and answers to commands, the
node is left to the leader, which hears all that it says: nothing of it is stored or acknowledged here, so its outbox sends it again.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from cloud.devices.queries.nodes import outboxes
from cloud.ingest.batch import Batch, Message, take_readings
from cloud.ingest.decode import understood
from cloud.ingest.node_cache import Key, Known
from cloud.ingest.sequence import Arrived
from cloud.ingest.sharing import LEFT
from cloud.organisations.queries import last_entered
from contract import sparkplug
from contract.point import POINTS

LEAVE = 30.0
"""Seconds for which a node is left to the leader before the worker looks at its data again."""
LOOK_EVERY = 1.0
"""Seconds between two looks at which outbox each node has."""
READ_EVERY = 10.0
"""Seconds at least between two times that the register is read for the sake of a device or point that is not in it."""
REPLACED = 120_000
"""Ms for which a node is left alone whose outbox is another: what the one before said may still come, and must not be acknowledged to the
new one. What is on its way for longer is left to the leader anyway, since it is off its receipt."""


class _Register(Known):
    """Devices, meters and points; nothing of births, and no clock of which anything is known."""

    strange = False
    """Whether a point was told that neither the product names nor the database has."""

    def __init__(self, engine: sa.Engine) -> None:
        self._begin(None)
        with engine.connect() as connection:
            self.entered = last_entered(connection)  # first: a site that is entered in between is one more then
            self._read_register(connection)

    def surplus(self, group: str, device: str, points: Collection[str]) -> set[str]:
        """None here: how many points a device may still have only the leader knows, and which names are new only the database."""
        known = self.points[group, device]
        if not known.issuperset(points):
            new = set(points) - known
            named = new & (POINTS.keys() | self.meters.get((group, device), {}).keys())
            self.strange |= named != new
            known.update(named)
        return set()

    def traced(self) -> bool:
        """Whether decoding left a trace here; afterwards it has not."""
        found = bool(self.clocks) or self.strange
        self.clocks.clear()
        self.strange = False
        return found


class _Untyped(dict[str, int]):
    """Datatypes of a birth that the worker does not know: it notes that one was wanted."""

    def __init__(self) -> None:
        super().__init__({"": 0})
        self.wanted = False

    def get(self, _name: str, _default: object = None) -> int | None:  # type: ignore[override] # nothing is in it
        """No datatype."""
        self.wanted = True
        return None


class Plain:
    """Decodes what a worker hears."""

    def __init__(self, engine: sa.Engine) -> None:
        """Read the register, and which outbox each node has: one that takes its place from now on is seen to do so."""
        self._engine = engine
        self._register = _Register(engine)
        self._read_at = time.monotonic()
        self._unknown = False
        """Whether a device was heard that is not in the register, or a point of one."""
        with engine.connect() as connection:
            self._outboxes = outboxes(connection)
        self._before = dict(self._outboxes)
        """The last outbox that each node was known to have."""
        self._replaced: dict[Key, int] = {}
        """Until when what is received of a node is left, ms."""
        self._left: dict[Key, float] = {}
        """Until when nodes are left unseen, by the monotonic clock."""
        self._looked = -LOOK_EVERY
        self._heard = self._not_taken = 0
        """Messages of nodes with an outbox since they were counted last, and how many of them were left."""

    def look(self, now: int) -> None:
        """Read anew what changed, at most once a second; `now` in ms by the clock of what is received.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be asked.
        """
        began = time.monotonic()
        if began - self._looked < LOOK_EVERY:
            return
        with self._engine.connect() as connection:
            found, entered = outboxes(connection), last_entered(connection)
        for key, outbox in found.items():
            if self._before.setdefault(key, outbox) != outbox:
                self._before[key], self._replaced[key] = outbox, now + REPLACED
        self._outboxes = found
        if entered != self._register.entered or (self._unknown and began - self._read_at >= READ_EVERY):
            self._register, self._read_at, self._unknown = _Register(self._engine), began, False
        self._looked = began

    def decode(self, messages: Sequence[Message]) -> Batch:
        """What messages ask of the stores; nodes that are not plain are handed to the leader, with all that they say here."""
        now, handed = time.monotonic(), set[Key]()
        while True:
            batch, traced = self._decoded(messages, now)
            if not traced:
                break
            handed |= traced
            self._left.update(dict.fromkeys(traced, now + LEAVE))
        batch.handed = handed
        return batch

    def count(self) -> tuple[int, int]:
        """How many messages of nodes with an outbox were heard since the last time, and how many of them were left."""
        found, self._heard, self._not_taken = (self._heard, self._not_taken), 0, 0
        return found

    def forget(self) -> None:
        """Look at all nodes again: that some were left was not committed."""
        self._left.clear()

    def leave(self, devices: Collection[tuple[str, str]]) -> set[Key]:
        """Leave the nodes of devices (group and id) to the leader; returns which."""
        found = {(group, self._register.devices[group, device].gateway) for group, device in devices}
        self._left.update(dict.fromkeys(found, time.monotonic() + LEAVE))
        return found

    def _decoded(self, messages: Sequence[Message], now: float) -> tuple[Batch, set[Key]]:
        """A batch, and the nodes for whose sake it must not be stored."""
        batch, traced, heard, left = Batch(), set[Key](), 0, 0
        for message in messages:
            parts = message.topic.split("/", 4)
            key = (parts[1], parts[3]) if len(parts) > 3 else ("", "")  # noqa: PLR2004 (spBv1.0/GROUP/DDATA/NODE/DEVICE)
            outbox = self._outboxes.get(key)
            if outbox is None:
                continue
            heard += 1
            if key in traced or self._left.get(key, now) > now:
                left += 1
                continue
            arrived = understood(batch, message, message.received_at)
            if arrived is None:
                continue
            if message.received_at <= self._replaced.get(key, 0) or not self._take(batch, arrived, outbox):
                traced.add(key)
        if not traced:
            LEFT.labels("leader").inc(left)
            self._heard += heard
            self._not_taken += left
        batch.received_at = max((message.received_at for message in messages), default=0)
        return batch, traced

    def _take(self, batch: Batch, arrived: Arrived, outbox: str) -> bool:
        """Take the readings of a message; whether it was plain, else the batch is spoilt."""
        (topic, payload, received_at), register = arrived, self._register
        placed, seq = register.devices.get((topic.group, topic.device)), sparkplug.store_seq(payload)
        self._unknown |= placed is None
        if placed is None or placed.gateway != topic.node or seq is None or not all(metric.name for metric in payload.metrics):
            return False
        types = _Untyped()
        live, rejected = not payload.metrics[0].is_historical, len(batch.rejected)
        take_readings(batch, register, topic, payload, received_at, types, {}, live=live, ours=True)
        self._unknown |= register.strange
        if register.traced() or types.wanted or len(batch.rejected) > rejected:
            return False
        batch.acks.setdefault((topic.group, topic.node, outbox), []).append(seq)
        return True
