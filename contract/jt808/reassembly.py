"""Long messages put together from their packages (JT/T 808-2019, clause 4.4.3, attribute bit 13)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from contract.jt808.frame import Frame

KEEP_MS = 60_000
MOST_BYTES = 1 << 20
MOST_MESSAGES = 64

_Key = tuple[str, int, int, int]


@dataclass(slots=True)
class _Partial:
    seen: int
    parts: dict[int, bytes] = field(default_factory=dict)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A message of which packages are missing; the fields of a resend request 0x8003.

    Attributes:
        phone: Raw digits of the sender.
        msg_id: Message id.
        first_seq: Sequence number of package 1.
        missing: Package numbers that have not come.
        seen: When the latest package came, ms since 1970.
    """

    phone: str
    msg_id: int
    first_seq: int
    missing: tuple[int, ...]
    seen: int


class Reassembler:
    """Collects packages until a message is whole; forgets it `keep_ms` after its latest package.

    Bounded in messages and bytes: the message that waited longest goes first, so a sender that never finishes costs nothing.
    """

    def __init__(self, keep_ms: int = KEEP_MS, most_bytes: int = MOST_BYTES, most_messages: int = MOST_MESSAGES) -> None:
        self._keep_ms = keep_ms
        self._most_bytes = most_bytes
        self._most_messages = most_messages
        self._partials: dict[_Key, _Partial] = {}
        self._bytes = 0
        self.dropped = 0
        """Messages given up, by age or by bound."""

    def add(self, frame: Frame, now: int) -> Frame | None:
        """The whole message once its last package is there; a frame without packages at once.

        The whole message has the sequence number of its first package, so its body may be longer than a frame allows.

        Args:
            frame: As it came from a `Splitter`.
            now: Ms since 1970.
        """
        self._forget(now)
        if not frame.package_total:
            return frame
        first_seq = (frame.seq - frame.package_number + 1) & 0xFFFF
        key = (frame.phone, frame.msg_id, first_seq, frame.package_total)
        # Taken out and put back, so that the dictionary's order is the order of the latest packages.
        partial = self._partials.pop(key, None) or _Partial(now)
        partial.seen = now
        grown = len(frame.body) - len(partial.parts.get(frame.package_number, b""))
        partial.parts[frame.package_number] = frame.body
        partial.size += grown
        self._bytes += grown
        if len(partial.parts) == frame.package_total:
            self._bytes -= partial.size
            body = b"".join(partial.parts[number] for number in range(1, frame.package_total + 1))
            return replace(frame, seq=first_seq, body=body, package_total=0, package_number=0)
        self._partials[key] = partial
        self._shrink()
        return None

    def incomplete(self) -> list[Incomplete]:
        """What is still waited for, the longest first."""
        return [
            Incomplete(phone, msg_id, first_seq, tuple(n for n in range(1, total + 1) if n not in partial.parts), partial.seen)
            for (phone, msg_id, first_seq, total), partial in self._partials.items()
        ]

    def _forget(self, now: int) -> None:
        for key in [key for key, partial in self._partials.items() if now - partial.seen > self._keep_ms]:
            self._drop(key)

    def _shrink(self) -> None:
        while self._partials and (self._bytes > self._most_bytes or len(self._partials) > self._most_messages):
            self._drop(next(iter(self._partials)))

    def _drop(self, key: _Key) -> None:
        self._bytes -= self._partials.pop(key).size
        self.dropped += 1
