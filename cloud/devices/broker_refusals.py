"""What the broker refused, as events: one a day for each address, or for each user whose password several clients use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from contract.coded import Message, read

REFUSED: Literal["broker_refused"] = "broker_refused"
CONTESTED: Literal["broker_contested"] = "broker_contested"
_TEXTS = "broker."
OTHERS = "*"
"""Subject of all whose address is not known, and of all that have no event of their own."""


class Key(NamedTuple):
    """Which event: its kind, and who it is about."""

    kind: Literal["broker_refused", "broker_contested"]
    who: str


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a subject.

    Attributes:
        reason: Of the newest time, a key of the catalogue behind `broker.`.
        detail: Of the newest time: the client id that was asked for, or the address of who took over; empty where it is not known.
        number: How many times.
    """

    reason: str
    detail: str
    number: int = 1


def told_of(detail: str) -> Told | None:
    """What an event of these kinds says; None where an earlier version wrote it in another form."""
    said = read(detail)
    who, number = said.params.get("detail"), said.params.get("number")
    if not said.code.startswith(_TEXTS) or not isinstance(who, str) or not isinstance(number, int):
        return None
    return Told(said.code.removeprefix(_TEXTS), who, number)


def detail_of(told: Told) -> str:
    """What an event of these kinds keeps."""
    return Message(f"{_TEXTS}{told.reason}", detail=told.detail, number=told.number).dumps()
