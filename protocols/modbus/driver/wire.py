"""One Modbus line: one request in flight, its answer, and nothing that is not the answer to it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from protocols.base import DriverError, NoAnswerError
from protocols.modbus.codec import frames
from protocols.modbus.codec.frames import Frame, Shape
from protocols.modbus.driver.connection import Connection, opened
from protocols.modbus.driver.stale_replies import Late
from protocols.modbus.model import Bus

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not respond",
}
_ABSENT = {10, 11}
"""Said by a gateway instead of the device."""
_THE_DEVICE = {0, 255}
"""Unit ids that on TCP mean whoever is connected (Messaging on TCP/IP V1.0b, 4.4.1.2)."""
_SILENT_LINE = 3
"""Requests in a row without any answer after which a connection is opened anew: what lies between may have forgotten it."""
_MOST_BABBLE = 1.0
"""Seconds to wait for silence on a line on which somebody speaks without end."""
_STRIDE = 257
"""Between two transaction ids, so that a device that counts its own never hits the next one."""
_GIVEN_UP = 256
"""Transaction ids that may still be answered."""


class RefusedError(DriverError):
    """A Modbus exception of the device itself."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}: {EXCEPTIONS.get(code, 'unknown')}")
        self.code = code


class MisfitError(DriverError):
    """An answer that is none to this request."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the answer does not fit the request: {what}")


@dataclass(slots=True)
class _Asked:
    """A request in flight; `at` is when its answer would be here from a slave that takes no time, `other` what came instead."""

    unit: int
    shape: Shape
    frame: bytes
    tid: int
    at: float
    timeout: float
    other: str = ""


class Wire:
    """A line and what its slaves still owe; it opens by itself."""

    def __init__(self, bus: Bus, past: float, within: float, count: Callable[[str], None]) -> None:
        """`past` as `Late` has it; `within`: seconds that a connection may take; `count` counts a fault."""
        self._bus, self._within, self._count = bus, within, count
        self._late = Late(past)
        self._ids = bus.framing == "tcp" and bus.transaction_ids == "checked"
        self._units = bus.framing != "tcp" or bus.unit_ids == "checked"
        self._guard, self._character = bus.guard(), bus.character()
        self._connection: Connection | None = None
        self._given_up: deque[int] = deque(maxlen=_GIVEN_UP)
        self._tid = 0
        self._unanswered = 0
        self.used = time.monotonic()
        """When the last request was sent."""

    def may_ask(self, unit: int, shape: Shape) -> bool:
        """Whether an answer of this shape could not be taken for a late one."""
        return self._ids or not self._late.may_come(self._who(unit), shape, time.monotonic())

    async def ask(self, unit: int, shape: Shape, pdu: bytes, timeout: float) -> bytes:  # noqa: ASYNC109 (of a protocol, not of a call)
        """What follows the function code in the answer.

        Args:
            unit: Unit id.
            shape: Of the answer.
            pdu: The request.
            timeout: Seconds until nothing more is expected; longer where the slave lately answered late.

        Raises:
            NoLineError: The line cannot be opened.
            NoAnswerError: Nothing came, or a gateway says that its device is silent.
            RefusedError: The device answered with an exception.
            MisfitError: It answered something else.
        """
        connection = await self._connected()
        await self._quiet(connection)
        self._overhear(connection)
        asked = self._send(connection, unit, shape, pdu, timeout)
        try:
            frame = await self._answer(connection, asked)
        except DriverError as error:
            self._fault(asked, error, connection)
            raise
        self._unanswered = 0
        return self._accepted(frame, asked)

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _who(self, unit: int) -> int:
        """Whose debts: where unit ids say nothing, everybody's."""
        return unit if self._units else 0

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.lost:
            return self._connection
        self.close()
        try:
            self._connection = await opened(self._bus, self._within)
        except DriverError as error:
            self._count(str(error))
            raise
        await asyncio.sleep(self._bus.pause_after_connect_ms / 1000.0)
        return self._connection

    async def _quiet(self, connection: Connection) -> None:
        """Leave the silence that the line needs between two frames."""
        if not self._guard:
            return
        until = time.monotonic() + self._guard + _MOST_BABBLE
        while (wait := connection.quiet_since + self._guard - time.monotonic()) > 0:
            if time.monotonic() > until:
                self._count("the line is never quiet")
                raise NoAnswerError("not asked: the line is never quiet")
            await asyncio.sleep(wait)

    def _overhear(self, connection: Connection) -> None:
        """What came while nothing was asked, then forget it."""
        while not self._ids and connection.received and (frame := self._take(connection, b"")) is not None:
            self._late.came(frame, self._who(frame.unit), connection.quiet_since)
        connection.received.clear()

    def _take(self, connection: Connection, begins: bytes) -> Frame | None:
        return frames.take_tcp(connection.received) if self._bus.framing == "tcp" else frames.take_rtu(connection.received, begins)

    def _send(self, connection: Connection, unit: int, shape: Shape, pdu: bytes, timeout: float) -> _Asked:
        self._tid = (self._tid + _STRIDE) & 0xFFFF or _STRIDE
        frame = frames.tcp(self._tid, unit, pdu) if self._bus.framing == "tcp" else frames.rtu(unit, pdu)
        self.used = now = time.monotonic()
        connection.send(frame)
        connection.quiet_since = now + len(frame) * self._character
        answer = 5 + 2 * shape.size if shape.function in frames.READS else len(frame)
        return _Asked(unit, shape, frame, self._tid, now + (len(frame) + answer) * self._character, timeout)

    async def _answer(self, connection: Connection, asked: _Asked) -> Frame:
        begins = frames.awaited(asked.shape, asked.unit)
        until = asked.at + (asked.timeout if self._ids else self._late.patience(self._who(asked.unit), asked.timeout, asked.at))
        echo = self._bus.echo and self._bus.framing != "tcp"  # a gateway's own address may have made it a network
        while True:
            if echo and (heard := connection.received.find(asked.frame)) >= 0:
                del connection.received[: heard + len(asked.frame)]
                echo = False
            while not echo and connection.received and (frame := self._take(connection, begins)) is not None:
                if self._fits(frame, asked, connection):
                    return frame
            if connection.lost:
                raise NoAnswerError("the connection was lost")
            if time.monotonic() >= until or not await connection.more(
                until
            ):  # who babbles without end gets no more time than who is silent
                raise NoAnswerError(_silence(asked, echo=echo, noise=bool(connection.received)))

    def _fits(self, frame: Frame, asked: _Asked, connection: Connection) -> bool:
        """Whether it is the answer; False for one that goes by.

        Raises:
            MisfitError: It is meant as the answer, and cannot be.
            NoAnswerError: The same where no transaction id says so: the slave is out of step, and not asked on.
        """
        if self._ids and frame.tid != asked.tid:
            if frame.tid in self._given_up:
                return False
            hint = "; for a device that does not repeat it the bus has transaction_ids: ignored"
            raise MisfitError(f"it has transaction id {frame.tid} where {asked.tid} was asked{hint}")
        if not self._from(frame.unit, asked.unit):
            asked.other = f"unit {frame.unit} answered where {asked.unit} was asked"
            self._overheard(frame, connection)
            return False
        if frame.function == asked.shape.function and (frame.refused or frame.shape == asked.shape):
            return True
        if self._overheard(frame, connection):
            return False
        came = f"an exception to function {frame.function}" if frame.refused else str(frame.shape)
        misfit = MisfitError(f"{came} where {asked.shape} was asked")
        raise misfit if self._ids else NoAnswerError(str(misfit))

    def _overheard(self, frame: Frame, connection: Connection) -> bool:
        return not self._ids and self._late.came(frame, self._who(frame.unit), connection.quiet_since)

    def _from(self, answering: int, asked: int) -> bool:
        return answering == asked or not self._units or (self._bus.framing == "tcp" and asked in _THE_DEVICE)

    def _accepted(self, frame: Frame, asked: _Asked) -> bytes:
        now, who = time.monotonic(), self._who(asked.unit)
        if not self._ids:
            if frame.refused and self._late.owes(who, frame.function):  # it may be the late answer itself
                self._late.given_up(who, asked.shape, asked.at, now)
            else:
                self._late.settled(who)
                self._late.took(who, now - asked.at, asked.timeout, now)
        if not frame.refused:
            return frame.body
        if frame.code in _ABSENT:
            reason = f"the gateway before it says that it does not answer: {RefusedError(frame.code)}"
            self._count(reason)
            raise NoAnswerError(reason)
        raise RefusedError(frame.code)

    def _fault(self, asked: _Asked, error: DriverError, connection: Connection) -> None:
        self._count(str(error))
        self._unanswered += 1
        if self._ids:
            self._given_up.append(asked.tid)
        else:
            self._late.given_up(self._who(asked.unit), asked.shape, asked.at, time.monotonic())
        if connection.lost or self._unanswered >= _SILENT_LINE:
            self._unanswered = 0
            self.close()


def _silence(asked: _Asked, *, echo: bool, noise: bool) -> str:
    if asked.other:
        return f"no answer in time; {asked.other}"
    if echo:
        return "no answer in time; the line did not repeat the request, as echo: true says that it does"
    return "no answer in time; what came is no Modbus frame" if noise else "no answer in time"
