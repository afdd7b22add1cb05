"""Long messages put together from their packages (JT/T 808-2019, clause 4.4.3, attribute bit 13)."""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from protocols.jt808.codec.frame import Frame, Version
from protocols.jt808.model.phone import identity

KEEP_MS = 60_000
MOST_BYTES = 16 << 20
MOST_BYTES_EACH = 1 << 20
ASK_AFTER_MS = 5000
"""Silence after which missing packages are asked for; twice and three times as long before the next two questions."""
MOST_ASKED = 3
MOST_NUMBERS = 255
"""Packages in one question: the count has one byte in the edition 2013."""
_AROUND = 256
"""Bytes that a package takes beside its body, so that a million packages of one byte are not a million bytes."""
_MOST_MESSAGES = 8
"""Of one terminal; it sends one at a time."""
_BETWEEN = 255
"""Other messages, such as heartbeats, that a terminal may number between two packages."""


class _Part(NamedTuple):
    seq: int
    body: bytes


@dataclass(slots=True, eq=False)
class _Partial:
    """Packages of one message of one sender; `last` is the number of the package that made it whole, 0 before."""

    who: str
    phone: str
    msg_id: int
    total: int
    version: Version
    seen: int
    parts: dict[int, _Part] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    size: int = 0
    last: int = 0
    asked: int = 0
    asked_at: int = 0

    def fits(self, frame: Frame) -> bool:
        """Whether a package can belong here: it repeats what came, or its number lies in order between its neighbours'."""
        number, seq = frame.package_number, frame.seq
        if (frame.msg_id, frame.package_total) != (self.msg_id, self.total):
            return False
        held = self.parts.get(number)
        if held is not None:
            return held.body == frame.body
        at = bisect(self.numbers, number)
        below, above = self.numbers[max(at - 1, 0) : at], self.numbers[at : at + 1]
        return all(_follows(self.parts[n].seq, seq, number - n) for n in below) and all(
            _follows(seq, self.parts[n].seq, n - number) for n in above
        )

    def first_seq(self) -> int:
        """Sequence number of package 1, counted back from the first that is there."""
        number = self.numbers[0]
        return (self.parts[number].seq - number + 1) & 0xFFFF


def _follows(seq: int, later: int, packages: int) -> bool:
    """Whether the sequence number `later` can be that many packages after `seq`: there may be other messages between, never fewer."""
    return packages <= (later - seq) & 0xFFFF <= packages + _BETWEEN


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A message of which packages are missing; the fields of a resend request 0x8003.

    Attributes:
        phone: Raw digits of the sender.
        msg_id: Message id.
        version: Edition of its header.
        first_seq: Sequence number of package 1.
        total: How many packages it has.
        missing: Package numbers that have not come, at most `MOST_NUMBERS`.
        seen: When the latest package came, ms.
    """

    phone: str
    msg_id: int
    version: Version
    first_seq: int
    total: int
    missing: tuple[int, ...]
    seen: int


class Reassembler:
    """Collects the packages of all terminals until a message is whole; gives it up `keep_ms` after its latest package.

    Bounded in bytes, each terminal and all together: of one terminal the message that waited longest goes first, of all the one
    of the terminal that holds most, so a sender that never finishes costs the others nothing. What was put together stays until
    it is as old, since its last package comes again when its answer was lost.
    """

    def __init__(
        self,
        keep_ms: int = KEEP_MS,
        most_bytes: int = MOST_BYTES,
        most_bytes_each: int = MOST_BYTES_EACH,
        abandoned: Callable[[Incomplete], None] = lambda _: None,
    ) -> None:
        """Nothing is collected yet.

        Args:
            keep_ms: Age at which a message is given up.
            most_bytes: What the packages of all terminals may take.
            most_bytes_each: What those of one terminal may take.
            abandoned: Told of each message that is given up before it is whole.
        """
        self._keep_ms = keep_ms
        self._most_bytes = most_bytes
        self._most_bytes_each = most_bytes_each
        self._abandoned = abandoned
        self._partials: dict[str, list[_Partial]] = {}
        self._sizes: dict[str, int] = {}
        self.size = 0
        """Bytes held, with what a package takes beside its body."""

    def add(self, frame: Frame, now: int) -> Frame | None:
        """The whole message once its last package is there, and again when that one is repeated; None for the other packages.

        A frame without packages is whole at once. The whole message has the sequence number of its first package, so its body may
        be longer than a frame allows.

        Args:
            frame: As it came from a `Splitter`.
            now: Ms of any clock that does not go back.
        """
        if not frame.package_total:
            return frame
        who = identity(frame.phone)
        mine = self._partials.setdefault(who, [])
        partial = next((p for p in reversed(mine) if p.fits(frame)), None)
        if partial is None:
            partial = _Partial(who, frame.phone, frame.msg_id, frame.package_total, frame.version, now)
        else:
            mine.remove(partial)
        mine.append(partial)  # the order is that of the latest packages
        self._put(partial, frame, now)
        if not partial.last and len(partial.parts) == partial.total:
            partial.last = frame.package_number
        whole = None
        if frame.package_number == partial.last:
            body = b"".join(partial.parts[number].body for number in range(1, partial.total + 1))
            whole = replace(frame, seq=partial.first_seq(), body=body, package_total=0, package_number=0)
        self._shrink(who)
        return whole

    def _put(self, partial: _Partial, frame: Frame, now: int) -> None:
        partial.seen = now
        if frame.package_number not in partial.parts:
            grown = len(frame.body) + _AROUND
            partial.size += grown
            self.size += grown
            self._sizes[partial.who] = self._sizes.get(partial.who, 0) + grown
            insort(partial.numbers, frame.package_number)
        # A repetition may have a new number; the packages after it are counted from there.
        partial.parts[frame.package_number] = _Part(frame.seq, frame.body)

    def wanted(self, who: str, now: int) -> list[Incomplete]:
        """Messages of a terminal (by its identity) whose missing packages should be asked for now; each counts as asked.

        That is at once when the last package has come before others, and after a silence, three times in all.
        """
        found: list[Incomplete] = []
        for partial in self._partials.get(who, []):
            if partial.last or partial.asked >= MOST_ASKED:
                continue
            silence = now - max(partial.seen, partial.asked_at)
            if (not partial.asked and partial.total in partial.parts) or silence >= ASK_AFTER_MS * (partial.asked + 1):
                partial.asked, partial.asked_at = partial.asked + 1, now
                found.append(_incomplete(partial))
        return found

    def senders(self) -> list[str]:
        """Identities of the terminals of which something is held."""
        return list(self._partials)

    def expire(self, now: int) -> None:
        """Give up what is too old; call it every now and then."""
        for partial in [p for mine in self._partials.values() for p in mine if now - p.seen > self._keep_ms]:
            self._drop(partial)

    def _shrink(self, who: str) -> None:
        while self._sizes.get(who, 0) > self._most_bytes_each or len(self._partials.get(who, [])) > _MOST_MESSAGES:
            self._drop(self._partials[who][0])
        while self.size > self._most_bytes:
            self._drop(self._partials[max(self._sizes, key=self._sizes.__getitem__)][0])

    def _drop(self, partial: _Partial) -> None:
        mine = self._partials[partial.who]
        mine.remove(partial)
        self.size -= partial.size
        self._sizes[partial.who] -= partial.size
        if not mine:
            del self._partials[partial.who], self._sizes[partial.who]
        if not partial.last:
            self._abandoned(_incomplete(partial))


def _incomplete(partial: _Partial) -> Incomplete:
    missing: list[int] = []
    for number in range(1, partial.total + 1):
        if number not in partial.parts:
            missing.append(number)
            if len(missing) == MOST_NUMBERS:
                break
    first = partial.first_seq()
    return Incomplete(partial.phone, partial.msg_id, partial.version, first, partial.total, tuple(missing), partial.seen)
