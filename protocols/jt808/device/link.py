"""A terminal's connection to the platform: it asks, repeats until answered, and does what it is told."""

from __future__ import annotations

import asyncio
import secrets

from contract.clock import Clock
from protocols.jt808.codec.bodies import NO_ANSWER, Body, decode_body, message
from protocols.jt808.codec.frame import Frame, Splitter, Version, encode, split_message
from protocols.jt808.codec.parameters import Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.session_bodies import (
    OK,
    PlatformResponse,
    Register,
    RegisterResponse,
    ResendRequest,
    ServerTime,
    TerminalResponse,
)
from protocols.jt808.device.kept import Kept
from protocols.jt808.model import Device
from protocols.jt808.model.phone import identity

FIRST_WAIT = 5.0
"""Seconds until a message is repeated; the waits grow by T(n+1) = T(n) * (n+1)."""
REPEATS = 3
SHORTEST = 0.5
"""Real seconds; a sped-up clock must not repeat what the disk is still busy with."""
_DIGITS_2013 = 12


class Link:
    """One connection: asks, repeats, and matches the answers."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, device: Device, clock: Clock, kept: Kept | None = None
    ) -> None:
        self._reader, self._writer, self._clock, self._kept = reader, writer, clock, kept
        self._phone = identity(device.phone)
        self._version = edition(device)
        self._seq = secrets.randbelow(0x10000)
        self._waiting: dict[int, asyncio.Future[Body]] = {}
        self._asked: list[Frame] = []

    async def hear(self) -> None:
        """Take what the platform sends, until the link ends.

        Raises:
            ConnectionError: It ended.
            Jt808Error: An answer that is none.
        """
        splitter = Splitter()
        while data := await self._reader.read(4096):
            for found in splitter.feed(data):
                if isinstance(found, Frame):
                    self._heard(found)
        raise ConnectionResetError("the platform closed the link")

    def _heard(self, frame: Frame) -> None:
        body = decode_body(frame)
        if isinstance(body, PlatformResponse | RegisterResponse):
            waiting = self._waiting.get(body.reply_seq)
            if waiting is not None and not waiting.done():
                waiting.set_result(body)
        elif isinstance(body, ResendRequest):
            self._send([one for one in self._asked if one.package_number in body.numbers])
        elif isinstance(body, QueryParameters) and self._kept is not None:
            self._send(self._framed(Parameters(frame.seq, self._kept.told())))
        elif not isinstance(body, ServerTime) and frame.msg_id not in NO_ANSWER:
            result = self._kept.take(body.parameters) if isinstance(body, SetParameters) and self._kept is not None else OK
            self._send(self._framed(TerminalResponse(frame.seq, frame.msg_id, result)))

    async def ask(self, body: Body) -> Body:
        """Send a message until it is answered; a message in packages counts as answered with its last one.

        Raises:
            ConnectionError: No answer, however often it was repeated.
        """
        frames = self._framed(body)
        last = frames[-1].seq
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._waiting[last], self._asked = answer, frames
        try:
            wait = FIRST_WAIT
            for number in range(1, REPEATS + 2):
                self._send(frames)
                await self._writer.drain()
                done, _ = await asyncio.wait([answer], timeout=max(self._clock.real_seconds(wait), SHORTEST * number))
                if done:
                    return answer.result()
                wait *= number + 1
        finally:
            del self._waiting[last]
        raise ConnectionAbortedError("no answer")

    def _framed(self, body: Body) -> list[Frame]:
        """A message as the frames that carry it, with their numbers."""
        count = len(split_message(message(body, self._phone, 0, self._version)))
        return split_message(message(body, self._phone, self._next(count), self._version))

    def _send(self, frames: list[Frame]) -> None:
        self._writer.write(b"".join(encode(frame) for frame in frames))

    def _next(self, count: int) -> int:
        seq, self._seq = self._seq, (self._seq + count) & 0xFFFF
        return seq


def edition(device: Device) -> Version:
    """The edition that a car's terminal speaks; a phone of more digits than the header of 2013 has is one of 2019."""
    long = len(identity(device.phone)) > _DIGITS_2013
    return 2019 if long or device.vehicle is None else device.vehicle.protocol_year


def registration(device: Device) -> Register:
    """Sichuan, Guangyuan (GB/T 2260: 51, 0800), with the car's plate."""
    plate = device.vehicle.plate if device.vehicle else ""
    return Register(51, 800, "JYSIM", "simulator", device.phone[-7:], 1, plate, edition(device))
