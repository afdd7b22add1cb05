"""What waits to be stored, bounded in bytes, with a fair share for each edge node: one that floods delays only itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from cloud.ingest.batch import MAX_PAYLOAD_BYTES, Message

OVERHEAD = 320
"""Bytes that a message, or the begin of a session, costs beside its payload."""
SHARE = 1024 * 1024
"""Bytes of one node that are taken before the next node's turn: the more of a device come at once, the fewer writes of its newest
reading."""
AHEAD = 64 * 1024
"""Bytes of one node that may go before the others' turns until it has its own."""
MOST_LANES = 1000
"""Of nodes that wait on their own; others share one, since names can be invented without end, and each lane has to be looked at
when there is no room."""
_OTHERS = ""
MAX_UNPACKED_BYTES = 32 * 1024 * 1024
"""What the compressed messages of a batch may have together once they are decompressed."""
_ROOM_FOR_PACKED = MAX_UNPACKED_BYTES - MAX_PAYLOAD_BYTES
"""With no more than this one more message fits."""
_LARGEST_RATIO = 1032
"""By which DEFLATE makes larger at the most (zlib's technical details); what a message really has is known only afterwards."""


@dataclass(slots=True)
class _Lane:
    """The messages of one node, oldest first, each with the number of its session."""

    messages: deque[tuple[int, Message]] = field(default_factory=deque)
    size: int = 0
    left: int = AHEAD
    """Bytes that may still go first before its next turn."""
    goes_first: bool = False

    def put(self, session: int, message: Message) -> None:
        self.messages.append((session, message))
        self.size += cost(message)

    def oldest(self) -> Message:
        _, message = self.messages.popleft()
        self.size -= cost(message)
        return message

    def newest(self) -> tuple[int, Message]:
        session, message = self.messages.pop()
        self.size -= cost(message)
        return session, message


class FairQueue:
    """Messages by node. A message that begins a session parts what came before it from what comes after.

    Nodes have their turns one after another. What a node says while nothing of it waits goes first, up to a bound between two turns of
    it (after RFC 8290, section 4.2); so that nobody is kept waiting by many of these, they and the others take turns.

    Attributes:
        size: Bytes that wait.
    """

    def __init__(self, most: int) -> None:
        """`most` bytes may wait."""
        self._most = most
        self.size = 0
        self._lanes: dict[str, _Lane] = {}
        self._first: deque[str] = deque()
        """Nodes that go first, in the order in which they spoke."""
        self._turns: deque[str] = deque()
        """All nodes of which something waits or waited since their last turn, in the order of their turns."""
        self._went_first = 0
        """Bytes that were taken of those who go first since the last turn."""
        self._beginnings: deque[Message] = deque()
        self._session = 0
        """Number of the session whose messages are taken."""
        self._waiting: deque[int] = deque([0])
        """How many messages wait, by session from that one on."""

    def begin(self, message: Message) -> None:
        """A new session with the broker; what waits is of the one before. Where that said nothing, this one takes its place."""
        if self._beginnings and not self._waiting[-1]:
            self._beginnings[-1] = message
            return
        self._beginnings.append(message)
        self._waiting.append(0)
        self.size += cost(message)

    def put(self, message: Message) -> int:
        """Let a message wait. When there is no room, whoever has most waiting loses its newest; returns how many are dropped.

        Who would have most with this message loses it, and nothing else is dropped.
        """
        key, dropped = self._place(message), 0
        if self.size + cost(message) > self._most and not self._fits(key, message):
            return 1
        while self.size + cost(message) > self._most:
            self._drop()
            dropped += 1
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            self._turns.append(key)
        if not lane.messages and lane.left > 0 and not lane.goes_first:
            lane.goes_first = True
            self._first.append(key)
        lane.put(self._session + len(self._waiting) - 1, message)
        self._waiting[-1] += 1
        self.size += cost(message)
        return dropped

    def _place(self, message: Message) -> str:
        """Whose lane a message waits in: its node's, or once there are too many lanes one for all new nodes, until that is empty."""
        key = _node(message)
        if key in self._lanes:
            return key
        others = self._lanes.get(_OTHERS)
        return _OTHERS if len(self._lanes) >= MOST_LANES or (others and others.messages) else key

    def _fits(self, key: str, message: Message) -> bool:
        """Whether there would be room if no other node had more waiting than this one with the message."""
        own = cost(message) + (self._lanes[key].size if key in self._lanes else 0)
        others = sum(min(lane.size, own) for name, lane in self._lanes.items() if name != key)
        return own + others + OVERHEAD * len(self._beginnings) <= self._most

    def _drop(self) -> None:
        """Take the newest message of the node with most waiting away."""
        key = max(self._lanes, key=lambda name: self._lanes[name].size)
        session, message = self._lanes[key].newest()
        self._waiting[session - self._session] -= 1
        self.size -= cost(message)

    def take(self, most: int) -> list[Message]:
        """The next messages of about so many bytes, in the order of each node, some of each node in turn.

        Compressed ones count once more by what they may have decompressed: of these there are never more than MAX_UNPACKED_BYTES.
        """
        taken: list[Message] = []
        size = unpacked = 0
        while size < most and unpacked <= _ROOM_FOR_PACKED and self:
            if not self._waiting[0]:
                self._waiting.popleft()
                self._session += 1
                taken.append(self._beginnings.popleft())
                size += cost(taken[-1])
                continue
            lane, first = self._next()
            room = min(lane.left if first else SHARE, most - size)
            while room > 0 and lane.messages and lane.messages[0][0] == self._session and unpacked <= _ROOM_FOR_PACKED:
                taken.append(lane.oldest())
                room -= cost(taken[-1])
                size += cost(taken[-1])
                if first:
                    lane.left -= cost(taken[-1])
                    self._went_first += cost(taken[-1])
                self._waiting[0] -= 1
                unpacked += _unpacked(taken[-1])
        self.size -= size
        if not self:
            self._lanes, self._first, self._turns, self._went_first = {}, deque(), deque(), 0
        return taken

    def _next(self) -> tuple[_Lane, bool]:
        """Of whom to take, and whether it goes first; of a node without any message nothing will be taken."""
        if self._first and (self._went_first < SHARE or not self._turns):
            lane = self._lanes[self._first.popleft()]
            lane.goes_first = False
            return lane, True
        key = self._turns.popleft()
        lane = self._lanes[key]
        lane.left, self._went_first = AHEAD, 0
        if lane.messages or lane.goes_first:
            self._turns.append(key)
        else:
            del self._lanes[key]
        return lane, False

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._beginnings or self._waiting[0])


def cost(message: Message) -> int:
    """Bytes that a message takes of the room."""
    return len(message.payload) + OVERHEAD


def _unpacked(message: Message) -> int:
    """Bytes that a compressed message may have decompressed, 0 for any other."""
    return min(len(message.payload) * _LARGEST_RATIO, MAX_PAYLOAD_BYTES) if message.packed else 0


def _node(message: Message) -> str:
    """Whose share a message takes: spBv1.0/GROUP/KIND/NODE[/DEVICE] names the node, whatever else does not."""
    parts = message.topic.split("/", 4)
    return f"{parts[1]}/{parts[3]}" if len(parts) > 3 else ""  # noqa: PLR2004 (the fourth part)
