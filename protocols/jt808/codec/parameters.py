"""A terminal's parameters: set by 0x8103, asked for by 0x8104, told by 0x0104 (JT/T 808-2019, clauses 8.9 to 8.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from protocols.jt808.codec.fields import Reader, pack


class Parameter(NamedTuple):
    """One parameter: its id, and its value as sent."""

    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SetParameters:
    """0x8103, answered by 0x0001."""

    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class QueryParameters:
    """0x8104: all of them, answered by 0x0104."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """0x0104: what a terminal has, and the sequence number of the question."""

    reply_seq: int
    parameters: tuple[Parameter, ...]


def decode_set(body: bytes) -> SetParameters:
    """0x8103.

    Raises:
        BodyError: It ends before what it counts.
    """
    return SetParameters(_parameters(Reader(body)))


def decode_parameters(body: bytes) -> Parameters:
    """0x0104.

    Raises:
        BodyError: It ends before what it counts.
    """
    reader = Reader(body)
    return Parameters(reader.number(2), _parameters(reader))


def encode_set(asked: SetParameters) -> bytes:
    """The body of 0x8103.

    Raises:
        BodyError: More than a count of one byte says, or a value that does not fit.
    """
    return _encoded(asked.parameters)


def encode_parameters(told: Parameters) -> bytes:
    """The body of 0x0104.

    Raises:
        BodyError: More than a count of one byte says, or a value that does not fit.
    """
    return pack("H", told.reply_seq) + _encoded(told.parameters)


def _parameters(reader: Reader) -> tuple[Parameter, ...]:
    return tuple(Parameter(reader.number(4), reader.take(reader.number(1))) for _ in range(reader.number(1)))


def _encoded(parameters: tuple[Parameter, ...]) -> bytes:
    return pack("B", len(parameters)) + b"".join(pack("IB", one.id, len(one.data)) + one.data for one in parameters)
