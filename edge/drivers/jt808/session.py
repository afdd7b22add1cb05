"""One terminal's session: what each message asks for, without any network (JT/T 808-2019, clause 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from contract.clock import Clock
from contract.jt808 import session as results
from contract.jt808.bodies import NO_ANSWER, Body, Heartbeat, Logout, TimeQuery, decode_body, message
from contract.jt808.frame import Frame, FrameError, encode
from contract.jt808.location import Batch, Location, LocationReply
from contract.jt808.phone import identity
from contract.jt808.reassembly import Reassembler
from contract.jt808.session import Auth, PlatformResponse, Register, RegisterResponse, ServerTime
from contract.jt808.wire import BodyError
from contract.reading import Row
from contract.site import Device
from edge.drivers import believed
from edge.drivers.jt808.codes import Codes

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
    """

    devices: Mapping[str, Device]
    codes: Codes
    clock: Clock
    report: Report


@dataclass
class Session:
    """The state of one connection.

    Attributes:
        known: What all sessions share.
        peer: Where it comes from, for reports.
        device: The vehicle, once its terminal has authenticated.
    """

    known: Known
    peer: str
    device: Device | None = None
    _seq: int = 0
    _whole: Reassembler = field(default_factory=Reassembler)

    def take(self, found: Frame | FrameError) -> Outcome:
        """What one frame leads to; nothing that a terminal sends ends its session."""
        if isinstance(found, FrameError):
            self.known.report(self._name(), "broken frame")
            return Outcome()
        if self._stranger(found):
            return self._refuse(found)
        frame = self._whole.add(found, self.known.clock.now_ms())
        if frame is None:
            return Outcome()
        try:
            rows, answer = self._message(frame)
        except BodyError:
            self.known.report(self._name(), "message that does not hold what it should")
            rows, answer = (), self._general(frame, results.BAD_MESSAGE)
        # Packages are answered together, after the commit: one that was answered alone might be lost with us.
        numbers = range(max(found.package_total, 1))
        answers = [self._with_seq(answer, (frame.seq + number) & 0xFFFF) for number in numbers] if answer else []
        return Outcome(rows, tuple(self._encoded(found, one) for one in answers))

    def _name(self) -> str:
        return self.device.id if self.device else self.peer

    def _stranger(self, frame: Frame) -> bool:
        """Whether a frame may not be taken: before authentication only that and registration, and later no other phone."""
        who = identity(frame.phone)
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

    def _message(self, frame: Frame) -> tuple[tuple[Row, ...], Body | None]:
        if frame.encrypted:
            # No key was ever agreed; an answer of 0 would make the terminal forget what nobody could read.
            self.known.report(self._name(), "encrypted message")
            return (), self._general(frame, results.UNSUPPORTED)
        return self._answered(frame, decode_body(frame))

    def _answered(self, frame: Frame, body: Body) -> tuple[tuple[Row, ...], Body | None]:
        match body:
            case Location() | LocationReply() | Batch():
                return self._kept(frame, body)
            case Register():
                return (), RegisterResponse(frame.seq, results.OK, self.known.codes.code(identity(frame.phone)))
            case TimeQuery():
                return (), ServerTime(self.known.clock.now_ms() // 1000 * 1000)
            case _ if frame.msg_id in NO_ANSWER:
                return (), None
            case _:
                return (), self._general(frame, self._result(frame, body))

    def _result(self, frame: Frame, body: Body) -> int:
        match body:
            case Auth():
                return self._authenticate(frame, body)
            case Heartbeat():
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
        self.device = self.known.devices[who]
        return results.OK

    def _kept(self, frame: Frame, body: Location | LocationReply | Batch) -> tuple[tuple[Row, ...], Body]:
        """One row a fix, and the answer: what has no date cannot be kept, so a message of which nothing is left is a bad one."""
        found, lost = _fixes(body)
        now, stored = self.known.clock.now_ms(), isinstance(body, Batch)
        device = self.known.devices[identity(frame.phone)]
        dated = [row for fix in found if (row := believed.position(device, fix, now, stored=stored))]
        if lost or len(dated) < len(found):
            self.known.report(device.id, "positions that cannot be read or have no date")
        return tuple(dated), self._general(frame, results.OK if dated or not (found or lost) else results.BAD_MESSAGE)

    @staticmethod
    def _general(frame: Frame, result: int) -> PlatformResponse:
        return PlatformResponse(frame.seq, frame.msg_id, result)

    @staticmethod
    def _with_seq(answer: Body, seq: int) -> Body:
        """The same answer to another package of the message."""
        return PlatformResponse(seq, answer.reply_id, answer.result) if isinstance(answer, PlatformResponse) else answer

    def _encoded(self, asked: Frame, answer: Body) -> bytes:
        """In the edition the terminal spoke, to the phone as it was written."""
        seq, self._seq = self._seq, (self._seq + 1) & 0xFFFF
        return encode(message(answer, asked.phone, seq, asked.version))


_REGISTER = 0x0100
_OPENING = frozenset({_REGISTER, 0x0102})


def _fixes(body: Location | LocationReply | Batch) -> tuple[list[Location], int]:
    """The positions of a message, and how many more it should have held."""
    match body:
        case Location():
            return [body], 0
        case LocationReply():
            return [body.location], 0
        case Batch():
            return body.ordered(), body.lost
