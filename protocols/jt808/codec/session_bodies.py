"""Messages of a terminal's session: registration, authentication and the general answers of both sides (JT/T 808-2019, clause 8).

Layouts differ by edition, and terminals mix them; so the length decides where the header's version does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocols.jt808.codec.fields import BodyError, Reader, code, digits_of, pack, raw_text, raw_time, text, time_of
from protocols.jt808.codec.frame import V2013, V2019, Version

Layout = Literal[2011, 2013, 2019]

OK = 0
FAILED = 1
BAD_MESSAGE = 2
UNSUPPORTED = 3
ALARM_CONFIRMED = 4

_FIELDS: dict[Layout, tuple[int, int, int]] = {2011: (5, 8, 7), 2013: (5, 20, 7), 2019: (11, 30, 30)}
_AROUND_FIELDS = 5
_IMEI_BYTES = 15
_SOFTWARE_BYTES = 20


@dataclass(frozen=True, slots=True)
class Register:
    """0x0100.

    Attributes:
        province: First two digits of GB/T 2260.
        city: Last four digits of GB/T 2260.
        manufacturer: Manufacturer's code.
        model: Model of the terminal.
        terminal_id: Chosen by the manufacturer.
        plate_colour: 1 blue, 2 yellow, 3 black, 4 white, 5 green, 9 other, 0 none.
        plate: Number plate; the vehicle's identification number when it has no plate.
        layout: Edition whose field sizes the body has.
    """

    province: int
    city: int
    manufacturer: str
    model: str
    terminal_id: str
    plate_colour: int
    plate: str
    layout: Layout = 2013


@dataclass(frozen=True, slots=True)
class Auth:
    """0x0102; `imei` and `software` only from the edition 2019."""

    code: str
    imei: str = ""
    software: str = ""


@dataclass(frozen=True, slots=True)
class TerminalResponse:
    """0x0001: result 0 ok, 1 failed, 2 bad message, 3 unsupported."""

    reply_seq: int
    reply_id: int
    result: int


@dataclass(frozen=True, slots=True)
class PlatformResponse:
    """0x8001: result 0 ok, 1 failed, 2 bad message, 3 unsupported, 4 alarm confirmed."""

    reply_seq: int
    reply_id: int
    result: int


@dataclass(frozen=True, slots=True)
class RegisterResponse:
    """0x8100: result 0 ok, 1 vehicle already registered, 2 no such vehicle, 3 terminal already registered, 4 no such terminal.

    `code` is there only when the result is 0.
    """

    reply_seq: int
    result: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """0x8004 (2019): the platform's time in ms since 1970, sent in whole seconds; the only time in UTC."""

    at: int


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """0x8003: packages of the message that began with `first_seq`, to be sent again."""

    first_seq: int
    numbers: tuple[int, ...]


def decode_register(body: bytes, version: Version) -> Register:
    """0x0100 by the header's version, then by length.

    Raises:
        BodyError: Too short even for the layout of 2011.
    """
    layout = _layout_of(len(body), version)
    reader = Reader(body)
    province, city = reader.number(2), reader.number(2)
    manufacturer, model, terminal_id = (text(reader.take(size)) for size in _FIELDS[layout])
    return Register(province, city, manufacturer, model, terminal_id, reader.number(1), text(reader.rest()), layout)


def _layout_of(length: int, version: Version) -> Layout:
    # The edition 2019 is looked for only under its own header: a long plate must not turn 2013 into it.
    candidates: tuple[Layout, ...] = (2019, 2013) if version == V2019 else (2013,)
    return next((layout for layout in candidates if length >= sum(_FIELDS[layout]) + _AROUND_FIELDS), 2011)


def encode_register(register: Register) -> bytes:
    """The body of 0x0100 in the register's own layout.

    Raises:
        BodyError: A value does not fit its field.
    """
    values = (register.manufacturer, register.model, register.terminal_id)
    fields = [raw_text(value, size) for value, size in zip(values, _FIELDS[register.layout], strict=True)]
    head = pack("HH", register.province, register.city)
    return head + b"".join(fields) + pack("B", register.plate_colour) + raw_text(register.plate)


def decode_auth(body: bytes, version: Version) -> Auth:
    """0x0102: the layout of 2019, the variant with a length before the version, or else the whole body as the code."""
    if version == V2013 or not body:
        return Auth(code(body))
    n = body[0]
    after = body[1 + n + _IMEI_BYTES :]
    fixed = len(after) == _SOFTWARE_BYTES
    if fixed or (after and len(after) == 1 + after[0]):
        software = after if fixed else after[1:]
        return Auth(code(body[1 : 1 + n]), text(body[1 + n : 1 + n + _IMEI_BYTES]), text(software))
    return Auth(code(body))


def encode_auth(auth: Auth, version: Version) -> bytes:
    """The body of 0x0102.

    Raises:
        BodyError: A value does not fit its field.
    """
    raw = raw_text(auth.code)
    if version == V2013:
        return raw
    return pack("B", len(raw)) + raw + raw_text(auth.imei, _IMEI_BYTES) + raw_text(auth.software, _SOFTWARE_BYTES)


def decode_answer(body: bytes) -> tuple[int, int, int]:
    """0x0001 and 0x8001: sequence and id that are answered, and the result.

    Raises:
        BodyError: Too short.
    """
    reader = Reader(body)
    return reader.number(2), reader.number(2), reader.number(1)


def decode_register_response(body: bytes) -> RegisterResponse:
    """0x8100.

    Raises:
        BodyError: Too short.
    """
    reader = Reader(body)
    reply_seq, result = reader.number(2), reader.number(1)
    return RegisterResponse(reply_seq, result, code(reader.rest()) if result == OK else "")


def encode_register_response(response: RegisterResponse) -> bytes:
    """The body of 0x8100.

    Raises:
        BodyError: A value does not fit its field.
    """
    head = pack("HB", response.reply_seq, response.result)
    return head + (raw_text(response.code) if response.result == OK else b"")


def decode_server_time(body: bytes) -> ServerTime:
    """0x8004.

    Raises:
        BodyError: Not a date.
    """
    digits = Reader(body).take(6).hex()
    at = time_of(digits, zone_hours=0)
    if at is None:
        raise BodyError(f"server time {digits} is no date")
    return ServerTime(at)


def encode_server_time(answer: ServerTime) -> bytes:
    """The body of 0x8004.

    Raises:
        BodyError: Not in the years 2000 to 2099.
    """
    return raw_time(digits_of(answer.at, zone_hours=0))


def decode_resend(body: bytes, version: Version) -> ResendRequest:
    """0x8003: the count has one byte in 2013 and two in 2019; the one that agrees with the length is believed.

    Raises:
        BodyError: Neither agrees.
    """
    for width in (1, 2) if version == V2013 else (2, 1):
        count = int.from_bytes(body[2 : 2 + width], "big")
        if len(body) == 2 + width + 2 * count:
            reader = Reader(body[2 + width :])
            return ResendRequest(int.from_bytes(body[:2], "big"), tuple(reader.number(2) for _ in range(count)))
    raise BodyError(f"resend request of {len(body)} bytes does not hold what it counts")


def encode_resend(request: ResendRequest, version: Version) -> bytes:
    """The body of 0x8003.

    Raises:
        BodyError: More numbers than the count can say, or a number that does not fit.
    """
    count = len(request.numbers)
    return pack("HB" if version == V2013 else "HH", request.first_seq, count) + b"".join(pack("H", n) for n in request.numbers)
