"""JSON messages of devices, as rows: by the paths of a profile, or as EMQX's JT/T 808 gateway writes them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract.point import POINTS, Kind
from contract.profile import engineering
from contract.reading import Row
from protocols import reported
from protocols.jt808.codec.fields import time_of
from protocols.jt808.codec.fix import position_row
from protocols.mqtt import json_path
from protocols.mqtt.codec import emqx, lenient_json
from protocols.mqtt.codec.audience import Listeners
from protocols.mqtt.model import Device, Point
from protocols.mqtt.model.times import MessageTime

MOST_BYTES = 262_144
_MILLISECONDS_ABOVE = 1e11
"""As seconds this would be the year 5138; as milliseconds it is 1973."""
_TIMES = range(4_102_444_800_000)
"""Ms from 1970 to 2099, beyond which a number is no time."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DAY_AND_TIME = re.compile(r"\d{4}(-?)\d\d\1\d\d[Tt ]\d\d:?\d\d", re.ASCII)
"""How a written time begins; behind a day alone, what looks like a time of day is the offset of its zone."""
_SHOWN = 40
"""Characters of a strange value or name that a reason shows."""


class _TimeError(Exception):
    """Why nobody knows when a record was measured, as a fixed text."""


class PayloadError(ValueError):
    """A message that is not what the device's profile says; it is dropped, and never comes back."""


@dataclass(slots=True)
class Heard:
    """What a message led to.

    Attributes:
        rows: One for each record of a device.
        faults: Who, what as a fixed text, and details: of records that say nothing, or are of devices that nobody knows.
    """

    rows: list[Row] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)


def heard(listeners: Sequence[Listeners], raw: bytes, received: int, *, retained: bool = False) -> Heard:
    """The rows that a message carries; none for messages that are no measurement.

    One bad document, record or field drops nothing else. A time of its own stands, whatever it is worth: the cloud judges
    clocks. Only of a device whose profile names no time a message is as old as its receipt, and then a retained one is none: it
    may be of last year.

    Args:
        listeners: Whose topic it came from.
        raw: The message.
        received: When it came, ms since 1970.
        retained: Whether the broker kept it for whoever comes later.

    Raises:
        PayloadError: No document can be made out at all.
    """
    if not raw:
        return Heard()  # by which a retained message is deleted
    if len(raw) > MOST_BYTES:
        raise PayloadError("too long")
    try:
        message = lenient_json.parse(raw)
    except ValueError as error:
        raise PayloadError(str(error)) from error
    result = Heard()
    for document in message.documents:
        _document(result, listeners, document, received, retained=retained)
    if message.rest:
        result.faults.append((_whose(listeners), "a part that is no JSON", f"{message.rest[0]!r:.{_SHOWN}}"))
    return result


def _whose(listeners: Sequence[Listeners]) -> str:
    """Whom a fault of a whole message is told of."""
    devices = [device.id for each in listeners for device in each.devices.values()]
    return devices[0] if len(devices) == 1 else "message"


def _document(result: Heard, listeners: Sequence[Listeners], document: object, received: int, *, retained: bool) -> None:
    """Add what one document says to whoever hears it."""
    for each in listeners:
        if each.profile.messages == "emqx_jt808":
            for car in each.devices.values():
                _positions(result, car, document, received)
            continue
        for key, record in _records(each, document):
            device = each.devices.get(key or "")
            if device is not None:
                _record(result, each, device, (record, document), received, retained=retained)
            elif not any(key in other.devices for other in listeners):
                result.faults.append((f"{key!r:.{_SHOWN}}", "record of no known device", ""))


def _records(listeners: Listeners, document: object) -> Iterator[tuple[str | None, object]]:
    """Each record with the name of its device; None where it says none."""
    profile = listeners.profile
    found = [("", document)] if profile.records is None else json_path.records(json_path.parse(profile.records), document)
    for name, record in found:
        if record is None:
            continue
        if profile.identity is None:
            yield "", record
        elif profile.identity == "*":
            yield name.strip(), record
        else:
            yield json_path.text(json_path.value(json_path.parse(profile.identity), record, document)), record


def _record(result: Heard, listeners: Listeners, device: Device, found: tuple[object, object], received: int, *, retained: bool) -> None:
    """Add one record of a device, given as the record and its message."""
    stated = listeners.profile.time
    if stated is None and retained:
        return
    try:
        at = received if stated is None else _time(stated, *found)
    except _TimeError as error:
        result.faults.append((device.id, str(error), f"at {stated.path}" if stated else ""))
        return
    values, bad = _points(listeners.points, device, *found)
    if values or bad:
        result.rows.append(reported.row(device, at, values, bad, received=received, judged=not retained))
    else:
        result.faults.append((device.id, "none of the profile's points is in it", ""))


def _points(points: Mapping[str, Point], device: Device, record: object, message: object) -> tuple[dict[str, float], dict[str, str]]:
    """Values and reasons by point; a point that the message does not speak of is in neither."""
    values: dict[str, float] = {}
    bad: dict[str, str] = {}
    for point, mapped in points.items():
        found = json_path.value(json_path.parse(mapped.path or "$"), record, message)
        if found is None:
            continue
        number = None if isinstance(found, bool) and _quantity(point, mapped) else number_of(found, mapped)
        if number is None:
            shown = str(found).lower() if isinstance(found, bool) else repr(found)
            bad[point] = f"not a number: {shown:.{_SHOWN}}"
        elif number in mapped.invalid:
            bad[point] = f"device says it has no value ({number:g})"
        else:
            values[point] = engineering(number, mapped, point, device.ct, device.pt)
    return values, bad


def _quantity(point: str, mapped: Point) -> bool:
    """Whether a point is an amount; several makers write false where they have none."""
    return POINTS[point].kind is not Kind.STATE and mapped.values is None and mapped.mask is None


def number_of(found: object, mapped: Point) -> float | None:
    """A JSON value as a raw number: a number, the text of one, a truth value, or the name of a state."""
    if isinstance(found, str):
        text = found.strip()
        named = next((float(raw) for raw, name in (mapped.values or {}).items() if name == text), None)
        if named is not None:
            return named
        found = float(text) if _NUMBER.fullmatch(text) else None
    if not isinstance(found, int | float):
        return None
    try:
        number = float(found)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    if mapped.mask is None or not number.is_integer():
        return number
    return float((int(found) & mapped.mask) >> ((mapped.mask & -mapped.mask).bit_length() - 1))


def _time(stated: MessageTime, record: object, message: object) -> int:
    """The record's own time, ms since 1970.

    Raises:
        _TimeError: It is none.
    """
    found = json_path.value(json_path.parse(stated.path), record, message)
    at = None
    if found is not None and not isinstance(found, bool):
        at = _epoch(found) if stated.format == "epoch" else _written(str(found).strip(), stated)
    if at is None or at not in _TIMES:  # a range looks for None number by number
        raise _TimeError("no time that can be read")
    return at


def _epoch(found: object) -> int | None:
    if isinstance(found, str):
        found = float(found) if _NUMBER.fullmatch(found.strip()) else None
    if not isinstance(found, int | float) or not abs(found) < _TIMES.stop * 1000:  # NaN is not
        return None
    return int(found if abs(found) > _MILLISECONDS_ABOVE else found * 1000)


def _written(text: str, stated: MessageTime) -> int | None:
    """A date in words; one without a zone is the profile's, never taken for UTC, and one without a time of day is none."""
    try:
        parsed = _parsed(text, stated)
        if parsed is not None and parsed.tzinfo is None:
            if stated.timezone is None:
                raise _TimeError("a time without a zone: expected one, or `zone` in the profile's `time` (such as +08:00)")
            parsed = parsed.replace(tzinfo=stated.timezone)
        return None if parsed is None else round(parsed.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _parsed(text: str, stated: MessageTime) -> datetime | None:
    if stated.format == "YYMMDDhhmmss":
        naive = time_of(text, zone_hours=0)
        return None if naive is None else datetime.fromtimestamp(naive / 1000, UTC).replace(tzinfo=None)
    return datetime.fromisoformat(text.upper()) if _DAY_AND_TIME.match(text) else None


def _positions(result: Heard, device: Device, document: object, received: int) -> None:
    """Add what EMQX's gateway says of one terminal."""
    for fix in emqx.positions(device, document):
        if isinstance(fix, str):
            result.faults.append((device.id, "wrong position", fix))
            continue
        row = position_row(device, fix.location, received, fix.bad)
        if row is None:
            result.faults.append((device.id, "position without a date", fix.location.time))
        else:
            result.rows.append(row)
