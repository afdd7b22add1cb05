"""Positions as EMQX's JT/T 808 gateway publishes them: one of a 0x0200, several of a 0x0704."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.jt808.codec.bodies import Id
from protocols.jt808.codec.fields import BodyError
from protocols.jt808.codec.fix import from_emqx
from protocols.jt808.codec.location import Location
from protocols.jt808.model.phone import identity
from protocols.mqtt import json_path
from protocols.mqtt.model import Device


@dataclass(frozen=True, slots=True)
class Fix:
    """One position.

    Attributes:
        location: As on the wire.
        bad: Reason by point, for fields that were none.
    """

    location: Location
    bad: dict[str, str]


def positions(device: Device, document: object) -> Iterator[Fix | str]:
    """The positions of a message, or why one is none; nothing for other messages than positions."""
    several = json_path.value(json_path.parse("body.location"), document, document)
    header = document.get("header") if isinstance(document, dict) else None
    bodies = [document]
    if isinstance(header, dict) and header.get("msg_id") == Id.BATCH and isinstance(several, list):
        bodies = [{"header": {**header, "msg_id": int(Id.LOCATION)}, "body": body} for body in several]
    mine = identity(device.phone)
    for one in bodies:
        try:
            found = from_emqx(one)
        except BodyError as error:
            yield str(error)
            continue
        if found is None:
            continue
        phone, location, bad = found
        if mine and identity(phone) != mine:
            yield "the phone of another terminal"
        else:
            yield Fix(location, bad)
