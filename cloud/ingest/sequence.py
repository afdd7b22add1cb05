"""The order of a foreign node's messages, by their `seq` (Sparkplug 3.0, "Sparkplug Host Application Message Ordering").

A node with an outbox needs none of this: its rows carry names and their own position, and come again until they are acknowledged.
A node without one sends once, and often aliases that only its last birth explains. So a message out of turn is held: the missing
one may still come, within the reorder time; after it, and after whatever else may have made us miss a birth, the node is asked
for its births, and what is held is taken by what they say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from contract.sparkplug_b_pb2 import Payload
from contract.topics import Topic

MAX_HELD = 500
"""Messages of one node."""
MAX_HELD_BYTES = 1024 * 1024
"""Of one node."""
_TURNS = 256


class Arrived(NamedTuple):
    """A decoded message, and when it came (ms, by the cloud's clock)."""

    topic: Topic
    payload: Payload
    received_at: int


class Trust(Enum):
    """Which aliases of a message may be taken for names."""

    ALL = "those of the birth that explains it"
    AGREED = "those that this birth and the newest one explain alike"
    NONE = "a birth may have been missed"


class Turn(Enum):
    """What is to be done with a message."""

    NOW = "it is the next one"
    LATER = "one before it is missing"
    ASK = "a birth may have been missed"
    FULL = "too much is held already"


@dataclass(slots=True)
class Order:
    """Where a node stands.

    Attributes:
        expected: `seq` of its next message; None while a birth may have been missed.
        lost: Whether a gap was never filled since the last birth.
        held: What waits for a missing message, or for births.
        earlier: What was held when the node's birth came, and waits for that of its device.
        size: Bytes held.
    """

    expected: int | None = None
    lost: bool = False
    held: list[Arrived] = field(default_factory=list)
    earlier: list[Arrived] = field(default_factory=list)
    size: int = 0

    def turn(self, message: Arrived) -> Turn:
        """Take note of a message, and hold it unless it is the next one."""
        seq = turn_of(message.payload)
        if message.topic.kind == "NBIRTH":
            self._begin(message, 0 if seq is None else seq)
            return Turn.NOW
        if message.topic.kind == "NDEATH" or (seq is None and self.expected is not None):
            return Turn.NOW
        if seq is not None and seq == self.expected:
            self.expected = (seq + 1) % _TURNS
            return Turn.NOW
        size = message.payload.ByteSize()
        if len(self.held) + len(self.earlier) >= MAX_HELD or self.size + size > MAX_HELD_BYTES:
            return Turn.FULL
        self.held.append(message)
        self.size += size
        return Turn.ASK if self.expected is None else Turn.LATER

    def _begin(self, birth: Arrived, seq: int) -> None:
        self.expected, self.lost = (seq + 1) % _TURNS, False
        # births from before are made void by those that follow
        self.earlier += [m for m in self.held if m.payload.timestamp < birth.payload.timestamp and not m.topic.kind.endswith("BIRTH")]
        self.held = [m for m in self.held if m.payload.timestamp >= birth.payload.timestamp]
        self.size = sum(m.payload.ByteSize() for m in (*self.held, *self.earlier))

    def next(self) -> Arrived | None:
        """The held message whose turn has come; call it until there is none."""
        if self.expected is None:
            return None
        found = next((m for m in self.held if turn_of(m.payload) in {self.expected, None}), None)
        if found is not None:
            self.held.remove(found)
            self.size -= found.payload.ByteSize()
            if turn_of(found.payload) is not None:
                self.expected = (self.expected + 1) % _TURNS
        return found

    def born(self, device: str) -> list[Arrived]:
        """What waited for the birth of this device."""
        found = [m for m in self.earlier if m.topic.device == device]
        self.earlier = [m for m in self.earlier if m.topic.device != device]
        self.size -= sum(m.payload.ByteSize() for m in found)
        return found

    def everything(self) -> list[Arrived]:
        """All that is held, for a node that turns out to have an outbox, or that does not answer."""
        found, self.held, self.earlier, self.size = [*self.earlier, *self.held], [], [], 0
        return found

    @property
    def trust(self) -> Trust:
        """How far to trust the aliases of a message in its turn. Only a gap shows that a birth may have been missed."""
        return Trust.NONE if self.lost else Trust.ALL

    def gap_since(self, before: int) -> bool:
        """Whether a missing message was waited for in vain since `before` (ms); from then on only a birth helps."""
        if self.expected is None or not any(m.received_at <= before for m in self.held):
            return False
        self.expected, self.lost = None, True
        return True

    def given_up(self, before: int) -> tuple[list[Arrived], Trust]:
        """What waited for births since `before` (ms) in vain, and how far to trust its aliases."""
        if self.expected is not None:
            found = [m for m in self.earlier if m.received_at <= before]
            self.earlier = [m for m in self.earlier if m.received_at > before]
            self.size -= sum(m.payload.ByteSize() for m in found)
            return found, Trust.NONE
        if not any(m.received_at <= before for m in (*self.held, *self.earlier)):
            return [], self.trust
        found = self.everything()
        seqs = [seq for m in found if (seq := turn_of(m.payload)) is not None]
        self.expected = (seqs[-1] + 1) % _TURNS if seqs else None
        return found, self.trust


def turn_of(payload: Payload) -> int | None:
    """The `seq` of a payload; None where a node sends none that can be (tck-id-payloads-sequence-num-always-included)."""
    return payload.seq if payload.HasField("seq") and payload.seq < _TURNS else None
