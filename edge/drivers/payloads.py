"""JSON messages of devices, as rows: by the paths of a profile, or as EMQX's JT/T 808 gateway writes them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import NoReturn

from contract.jt808.bodies import Id
from contract.jt808.fix import from_emqx
from contract.jt808.location import Location
from contract.jt808.phone import identity
from contract.jt808.wire import BodyError, time_of
from contract.profile import MessageTime, PointMap, engineering
from contract.reading import Row
from contract.site import Device
from edge.drivers import believed

MOST_BYTES = 262_144
_MILLISECONDS_ABOVE = 1e11
"""As seconds this would be the year 5138; as milliseconds it is 1973."""
_TIMES = range(4_102_444_800_000)
"""Ms from 1970 to 2099, beyond which a number is no time."""


class PayloadError(ValueError):
    """A message that is not what the device's profile says; it is dropped, and never comes back."""


def rows(device: Device, raw: bytes, received: int, *, retained: bool = False) -> list[Row]:
    """The rows that a message carries; none for messages that are no measurement.

    A time of its own stands, whatever it is worth: the cloud judges clocks. Only of a device whose profile names no time a message
    is as old as its receipt, and then a retained one is none: it may be of last year.

    Raises:
        PayloadError: Not what the profile says.
    """
    if len(raw) > MOST_BYTES:
        raise PayloadError("too long")
    if device.model.maker == "EMQX":
        locations = _positions(device, raw)
        found = [believed.position(device, location, received) for location in locations]
        if locations and not any(found):
            raise PayloadError("no date")
        return [row for row in found if row]
    document = _parsed(raw)
    at = _time(device.model.time, document)
    if at is None:
        if device.model.time is not None:
            raise PayloadError("no time in it, or none that can be read")
        if retained:
            return []
        at = received
    values, bad = _points(device, document)
    if not values and not bad:
        raise PayloadError("none of the profile's points is in it")
    return [believed.row(device, at, values, bad, received=received, judged=not retained)]


def _constant(name: str) -> NoReturn:
    raise PayloadError(f"{name} is not JSON")


def _parsed(raw: bytes) -> dict[str, object]:
    try:
        document: object = json.loads(raw, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError("not JSON") from error
    if not isinstance(document, dict):
        raise PayloadError("not a JSON object")
    return document


def _at(document: object, path: str) -> object:
    """What stands at a path of keys joined by dots; None when it is not there."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _points(device: Device, document: dict[str, object]) -> tuple[dict[str, float], dict[str, str]]:
    """Values and reasons by point; a point that the message does not speak of is in neither."""
    values: dict[str, float] = {}
    bad: dict[str, str] = {}
    for point, mapped in device.model.points.items():
        found = _at(document, mapped.path or "")
        if found is None:
            continue
        number = _number(found, mapped)
        if number is None:
            bad[point] = f"not a number: {found!r:.40}"
        elif number in mapped.invalid:
            bad[point] = f"device says it has no value ({number:g})"
        else:
            values[point] = engineering(number, mapped, point, device.ct, device.pt)
    return values, bad


def _number(found: object, mapped: PointMap) -> float | None:
    """A JSON value as a raw number: a number, a truth value, or the name of a state."""
    if isinstance(found, str):
        return next((float(raw) for raw, name in (mapped.values or {}).items() if name == found), None)
    if not isinstance(found, int | float):
        return None
    if mapped.mask is not None and isinstance(found, int):
        found = (found & mapped.mask) >> ((mapped.mask & -mapped.mask).bit_length() - 1)
    try:
        number = float(found)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(field: MessageTime | None, document: dict[str, object]) -> int | None:
    """The message's own time, ms since 1970; None when the profile names none or it is no time."""
    found = None if field is None else _at(document, field.path)
    if field is None or found is None or isinstance(found, bool):
        return None
    if field.format == "epoch":
        return _epoch(found)
    if not isinstance(found, str):
        return None
    return time_of(found) if field.format == "YYMMDDhhmmss" else _rfc3339(found)


def _epoch(found: object) -> int | None:
    try:
        number = float(found) if isinstance(found, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    at = int(number if abs(number) > _MILLISECONDS_ABOVE else number * 1000)
    return at if at in _TIMES else None


def _rfc3339(text: str) -> int | None:
    try:
        parsed = datetime.fromisoformat(text)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _positions(device: Device, raw: bytes) -> list[Location]:
    """Fixes of EMQX's gateway: one of 0x0200, several of 0x0704."""
    document = _parsed(raw)
    header, several = document.get("header"), _at(document, "body.location")
    try:
        if isinstance(header, dict) and header.get("msg_id") == Id.BATCH and isinstance(several, list):
            single = {**header, "msg_id": int(Id.LOCATION)}
            found = [from_emqx(json.dumps({"header": single, "body": body}).encode()) for body in several]
        else:
            found = [from_emqx(raw)]
    except BodyError as error:
        raise PayloadError(str(error)) from error
    mine = identity(device.phone)
    if mine and any(identity(one[0]) != mine for one in found if one):
        raise PayloadError("the phone of another terminal")
    return [one[1] for one in found if one]
