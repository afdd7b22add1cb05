"""Message ids of JT/T 808, and bodies to records and back (JT/T 808-2019, clause 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from protocols.jt808.codec import location as loc
from protocols.jt808.codec import parameters as par
from protocols.jt808.codec import session_bodies as ses
from protocols.jt808.codec.fields import BodyError, Reader, pack
from protocols.jt808.codec.frame import Frame, Version
from protocols.jt808.codec.location import Batch, Location, LocationReply
from protocols.jt808.codec.parameters import Parameters, QueryParameters, SetParameters
from protocols.jt808.codec.session_bodies import (
    Auth,
    PlatformResponse,
    Register,
    RegisterResponse,
    ResendRequest,
    ServerTime,
    TerminalResponse,
)


class Id(IntEnum):
    """Messages that have a record here."""

    TERMINAL_RESPONSE = 0x0001
    HEARTBEAT = 0x0002
    LOGOUT = 0x0003
    TIME_QUERY = 0x0004
    REGISTER = 0x0100
    LOGOUT_2011 = 0x0101
    AUTH = 0x0102
    PARAMETERS = 0x0104
    LOCATION = 0x0200
    LOCATION_REPLY = 0x0201
    BATCH = 0x0704
    PLATFORM_RESPONSE = 0x8001
    RESEND_REQUEST = 0x8003
    SERVER_TIME = 0x8004
    REGISTER_RESPONSE = 0x8100
    SET_PARAMETERS = 0x8103
    QUERY_PARAMETERS = 0x8104
    LOCATION_QUERY = 0x8201


NO_ANSWER = frozenset({Id.TERMINAL_RESPONSE, Id.PLATFORM_RESPONSE})
"""What neither side may acknowledge: an answer to an answer would never end."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """0x0002; a body, which some terminals send, is ignored."""


@dataclass(frozen=True, slots=True)
class Logout:
    """0x0003; the annex of 2011 prints 0x0101 instead."""


@dataclass(frozen=True, slots=True)
class TimeQuery:
    """0x0004 (2019), answered by 0x8004."""


@dataclass(frozen=True, slots=True)
class LocationQuery:
    """0x8201, answered by 0x0201."""


@dataclass(frozen=True, slots=True)
class Other:
    """A message without a record here, as it came."""

    msg_id: int
    raw: bytes


Body = (
    TerminalResponse
    | Heartbeat
    | Logout
    | TimeQuery
    | Register
    | Auth
    | Location
    | LocationReply
    | Batch
    | PlatformResponse
    | ResendRequest
    | ServerTime
    | RegisterResponse
    | LocationQuery
    | SetParameters
    | QueryParameters
    | Parameters
    | Other
)

_EMPTY: dict[int, Body] = {
    Id.HEARTBEAT: Heartbeat(),
    Id.LOGOUT: Logout(),
    Id.LOGOUT_2011: Logout(),
    Id.TIME_QUERY: TimeQuery(),
    Id.LOCATION_QUERY: LocationQuery(),
    Id.QUERY_PARAMETERS: QueryParameters(),
}


def decode_body(frame: Frame) -> Body:
    """The record that a whole message carries.

    A package of a longer message and an encrypted body are `Other`: they cannot be read by themselves.

    Raises:
        BodyError: The body does not have its message's layout.
    """
    if frame.package_total or frame.encrypted:
        return Other(frame.msg_id, frame.body)
    decoder = _DECODERS.get(frame.msg_id)
    if decoder is not None:
        return decoder(frame)
    return _EMPTY.get(frame.msg_id) or Other(frame.msg_id, frame.body)


def _location_reply(frame: Frame) -> LocationReply:
    reader = Reader(frame.body)
    return LocationReply(reader.number(2), loc.decode_location(reader.rest()))


_DECODERS: dict[int, Callable[[Frame], Body]] = {
    Id.TERMINAL_RESPONSE: lambda frame: TerminalResponse(*ses.decode_answer(frame.body)),
    Id.REGISTER: lambda frame: ses.decode_register(frame.body, frame.version),
    Id.AUTH: lambda frame: ses.decode_auth(frame.body, frame.version),
    Id.LOCATION: lambda frame: loc.decode_location(frame.body),
    Id.LOCATION_REPLY: _location_reply,
    Id.BATCH: lambda frame: loc.decode_batch(frame.body),
    Id.PLATFORM_RESPONSE: lambda frame: PlatformResponse(*ses.decode_answer(frame.body)),
    Id.RESEND_REQUEST: lambda frame: ses.decode_resend(frame.body, frame.version),
    Id.SERVER_TIME: lambda frame: ses.decode_server_time(frame.body),
    Id.REGISTER_RESPONSE: lambda frame: ses.decode_register_response(frame.body),
    Id.SET_PARAMETERS: lambda frame: par.decode_set(frame.body),
    Id.PARAMETERS: lambda frame: par.decode_parameters(frame.body),
}


def encode_body(body: Body, version: Version) -> tuple[int, bytes]:
    """Message id and body of a record.

    Raises:
        BodyError: A value does not fit its field.
    """
    found = _encode_answer(body) or _encode_request(body, version) or _encode_position(body)
    if found is None:
        raise BodyError(f"{type(body).__name__} is no message")
    return found


def message(body: Body, phone: str, seq: int, version: Version) -> Frame:
    """A record as a frame; `split_message` cuts it when it is too long for one.

    Raises:
        BodyError: A value does not fit its field.
    """
    msg_id, raw = encode_body(body, version)
    return Frame(msg_id, phone, seq, version, raw)


def _encode_answer(body: Body) -> tuple[int, bytes] | None:
    match body:
        case TerminalResponse():
            return Id.TERMINAL_RESPONSE, pack("HHB", body.reply_seq, body.reply_id, body.result)
        case PlatformResponse():
            return Id.PLATFORM_RESPONSE, pack("HHB", body.reply_seq, body.reply_id, body.result)
        case RegisterResponse():
            return Id.REGISTER_RESPONSE, ses.encode_register_response(body)
        case ServerTime():
            return Id.SERVER_TIME, ses.encode_server_time(body)
        case Parameters():
            return Id.PARAMETERS, par.encode_parameters(body)
        case _:
            return None


def _encode_request(body: Body, version: Version) -> tuple[int, bytes] | None:
    match body:
        case Register():
            return Id.REGISTER, ses.encode_register(body)
        case Auth():
            return Id.AUTH, ses.encode_auth(body, version)
        case SetParameters():
            return Id.SET_PARAMETERS, par.encode_set(body)
        case ResendRequest():
            return Id.RESEND_REQUEST, ses.encode_resend(body, version)
        case _:
            return None


def _encode_position(body: Body) -> tuple[int, bytes] | None:
    match body:
        case Location():
            return Id.LOCATION, loc.encode_location(body)
        case LocationReply():
            return Id.LOCATION_REPLY, pack("H", body.reply_seq) + loc.encode_location(body.location)
        case Batch():
            return Id.BATCH, loc.encode_batch(body)
        case Other():
            return body.msg_id, body.raw
        case _:
            return next(((msg_id, b"") for msg_id, empty in _EMPTY.items() if empty == body), None)
