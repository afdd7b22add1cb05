"""One terminal's session: what each message asks for, without any network (JT/T 808-2019, clause 7)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from contract.clock import Clock
from contract.reading import Row
from protocols.jt808.codec import session_bodies as results
from protocols.jt808.codec.bodies import NO_ANSWER, Body, Heartbeat, Id, Logout, TimeQuery, decode_body, message
from protocols.jt808.codec.fields import BodyError
from protocols.jt808.codec.fix import position_row
from protocols.jt808.codec.frame import Frame, FrameError, Version, encode
from protocols.jt808.codec.location import Batch, Location, LocationReply
from protocols.jt808.codec.parameters import Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.reassembly import Reassembler
from protocols.jt808.codec.session_bodies import (
    Auth,
    PlatformResponse,
    Register,
    RegisterResponse,
    ResendRequest,
    ServerTime,
    TerminalResponse,
)
from protocols.jt808.driver.codes import Codes
from protocols.jt808.driver.replies import Replies, Reply
from protocols.jt808.model import Device
from protocols.jt808.model.phone import identity

NO_SUCH_TERMINAL = 4
"""Result of 0x8100."""

Report = Callable[[str, str], None]
"""Told of a fault: who, and what."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a message leads to.

    Attributes:
        rows: To be committed before anything is answered.
        answers: Frames for the wire, in order.
    """

    rows: tuple[Row, ...] = ()
    answers: tuple[bytes, ...] = ()


@dataclass
class Known:
    """What all sessions of a listener share.

    Attributes:
        devices: The allow-list: vehicles by identity.
        codes: Authentication codes.
        clock: The time of all parts.
        report: Told of faults.
        long: Long messages of all terminals: the bounds are those of the listener, and a terminal that calls again goes on.
    """

    devices: Mapping[str, Device]
    codes: Codes
    clock: Clock
    report: Report
    long: Reassembler


@dataclass
class Session:
    """The state of one connection.

    Attributes:
        known: What all sessions share.
        peer: Where it comes from, for reports.
        device: The vehicle, once its terminal has authenticated.
        promising: Whether it named a phone that the site knows.
        replies: Who waits for the terminal's answers.
    """

    known: Known
    peer: str
    device: Device | None = None
    promising: bool = False
    replies: Replies = field(default_factory=Replies, repr=False)
    _seq: int = field(default=0, repr=False)
    _spoken: tuple[str, Version] = field(default=("", 2013), repr=False)
    """The phone as its terminal writes it, and the edition that it speaks."""

    def take(self, found: Frame | FrameError) -> Outcome:
        """What one frame leads to; nothing that a terminal sends ends its session."""
        if isinstance(found, FrameError):
            self.known.report(self._name(), "broken frame")
            return Outcome()
        if self._stranger(found):
            return self._refuse(found)
        if found.msg_id in NO_ANSWER:
            self._replied(found)
            return Outcome()
        if found.package_total and found.msg_id in _KEPT and not found.encrypted:
            return self._package(found)
        return self._message(found)

    def ask(self, question: SetParameters | QueryParameters) -> tuple[bytes, asyncio.Future[Reply]]:
        """A question to the terminal, which has authenticated, for the wire; and its answer once that comes.

        Raises ConnectionError instead of an answer when the link ends.
        """
        seq, (phone, version) = self._seq, self._spoken
        frame = self._frame(question, phone, version)
        return frame, self.replies.expect(seq, Id.SET_PARAMETERS if isinstance(question, SetParameters) else Id.QUERY_PARAMETERS)

    def _replied(self, frame: Frame) -> None:
        """A general answer of the terminal. One that a question is taken is none yet where its own answer follows."""
        try:
            body = decode_body(frame)
        except BodyError:
            self.known.report(self._name(), "message that does not hold what it should")
            return
        if isinstance(body, TerminalResponse) and not (body.reply_id == Id.QUERY_PARAMETERS and body.result == results.OK):
            self.replies.take(body, frozenset({body.reply_id}))

    def _package(self, found: Frame) -> Outcome:
        """A package is answered as it comes, since terminals wait for that; the one that makes its message whole, after the commit."""
        now = ticks()
        whole = self.known.long.add(found, now)
        if whole is not None:
            return self._message(replace(whole, seq=found.seq))
        return Outcome(answers=(self._encoded(found, self._general(found, results.OK)), *self.asks(identity(found.phone))))

    def asks(self, who: str) -> list[bytes]:
        """Questions (0x8003) for the packages that a terminal's long messages lack, as far as they are due."""
        return [
            self._frame(ResendRequest(one.first_seq, one.missing), one.phone, one.version) for one in self.known.long.wanted(who, ticks())
        ]

    def _message(self, frame: Frame) -> Outcome:
        """What a whole message leads to."""
        try:
            rows, answer = self._read(frame)
        except BodyError:
            self.known.report(self._name(), "message that does not hold what it should")
            rows, answer = (), self._general(frame, results.BAD_MESSAGE)
        return Outcome(rows, (self._encoded(frame, answer),))

    def _name(self) -> str:
        return self.device.id if self.device else self.peer

    def _stranger(self, frame: Frame) -> bool:
        """Whether a frame may not be taken: before authentication only that and registration, and later no other phone."""
        who = identity(frame.phone)
        self.promising = self.promising or who in self.known.devices
        if self.device is not None and identity(self.device.phone) == who:
            return False
        return self.device is not None or who not in self.known.devices or frame.msg_id not in _OPENING

    def _refuse(self, frame: Frame) -> Outcome:
        if identity(frame.phone) not in self.known.devices:
            self.known.report(f"{self.peer}, phone {frame.phone}", "unknown terminal")
        else:
            self.known.report(self._name(), "message without authentication")
        if frame.msg_id in NO_ANSWER:
            return Outcome()
        answer: Body = self._general(frame, results.FAILED)
        if frame.msg_id == _REGISTER:
            answer = RegisterResponse(frame.seq, NO_SUCH_TERMINAL)
        return Outcome(answers=(self._encoded(frame, answer),))

    def _read(self, frame: Frame) -> tuple[tuple[Row, ...], Body]:
        if frame.encrypted:
            # No key was ever agreed; an answer of 0 would make the terminal forget what nobody could read.
            self.known.report(self._name(), "encrypted message")
            return (), self._general(frame, results.UNSUPPORTED)
        return self._answered(frame, decode_body(frame))

    def _answered(self, frame: Frame, body: Body) -> tuple[tuple[Row, ...], Body]:
        match body:
            case Location() | LocationReply() | Batch():
                return self._kept(frame, body)
            case Register():
                return (), RegisterResponse(frame.seq, results.OK, self.known.codes.code(identity(frame.phone)))
            case TimeQuery():
                return (), ServerTime(self.known.clock.now_ms() // 1000 * 1000)
            case _:
                return (), self._general(frame, self._result(frame, body))

    def _result(self, frame: Frame, body: Body) -> int:
        match body:
            case Auth():
                return self._authenticate(frame, body)
            case Heartbeat():
                return results.OK
            case Parameters():
                self.replies.take(body, _OF_PARAMETERS)
                return results.OK
            case Logout():
                self.device = None
                return results.OK
            case _:  # an answer of 0 would say that it was kept
                self.known.report(f"{self._name()}, message 0x{frame.msg_id:04X}", "not supported")
                return results.UNSUPPORTED

    def _authenticate(self, frame: Frame, auth: Auth) -> int:
        who = identity(frame.phone)
        if not self.known.codes.right(who, auth.code):
            self.known.report(self.known.devices[who].id, "wrong authentication code")
            return results.FAILED
        self.device, self._spoken = self.known.devices[who], (frame.phone, frame.version)
        return results.OK

    def _kept(self, frame: Frame, body: Location | LocationReply | Batch) -> tuple[tuple[Row, ...], Body]:
        """One row a fix, and the answer: what has no date cannot be kept, so a message of which nothing is left is a bad one."""
        found, lost = _fixes(body)
        now = self.known.clock.now_ms()
        device = self.known.devices[identity(frame.phone)]
        dated = [row for fix in found if (row := position_row(device, fix, now))]
        if lost or len(dated) < len(found):
            self.known.report(device.id, "positions that cannot be read or have no date")
        return tuple(dated), self._general(frame, results.OK if dated or not (found or lost) else results.BAD_MESSAGE)

    @staticmethod
    def _general(frame: Frame, result: int) -> PlatformResponse:
        return PlatformResponse(frame.seq, frame.msg_id, result)

    def _encoded(self, asked: Frame, answer: Body) -> bytes:
        """In the edition the terminal spoke, to the phone as it was written."""
        return self._frame(answer, asked.phone, asked.version)

    def _frame(self, body: Body, phone: str, version: Version) -> bytes:
        seq, self._seq = self._seq, (self._seq + 1) & 0xFFFF
        return encode(message(body, phone, seq, version))


def ticks() -> int:
    """Ms of a clock that never goes back: ages of packages are a matter of the link, not of the site's time."""
    return int(time.monotonic() * 1000)


_REGISTER = 0x0100
_OPENING = frozenset({_REGISTER, 0x0102})
_KEPT = frozenset({Id.LOCATION, Id.LOCATION_REPLY, Id.BATCH, Id.PARAMETERS})
"""Messages whose packages are collected; of others nothing is wanted."""
_OF_PARAMETERS = frozenset({int(Id.QUERY_PARAMETERS)})


def _fixes(body: Location | LocationReply | Batch) -> tuple[list[Location], int]:
    """The positions of a message, and how many more it should have held."""
    match body:
        case Location():
            return [body], 0
        case LocationReply():
            return [body.location], 0
        case Batch():
            return body.ordered(), body.lost
