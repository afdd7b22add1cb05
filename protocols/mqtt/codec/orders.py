"""Messages by which a point of a device is written, as its profile says, and what such a message says."""

from __future__ import annotations

import json

from contract.profile import engineering, raw
from protocols.mqtt import json_path
from protocols.mqtt.codec.payloads import number_of
from protocols.mqtt.model import Device, Point
from protocols.mqtt.model.profile import Write
from protocols.mqtt.model.topics import heard_at

_DECIMALS = 6
"""As a meter would print it."""
_KEY = "$key"


def order(device: Device, point: str, value: float) -> tuple[str, bytes]:
    """Topic and message that write a point.

    Raises:
        ValueError: The profile does not say how, or the value has no name.
    """
    mapped = device.model.points[point]
    if mapped.write is None:
        raise ValueError(f"the profile does not say how {point} is written")
    document: object = None
    for path, found in [*mapped.write.also.items(), (mapped.write.path, _form(device, point, mapped, value))]:
        document = json_path.placed(json_path.parse(path).steps, document, device.key if found == _KEY else found)
    return _topic(device, mapped.write), json.dumps(document, ensure_ascii=False).encode()


def _topic(device: Device, write: Write) -> str:
    return heard_at(device.command_topic or device.topic, write.subtopic)


def _form(device: Device, point: str, mapped: Point, value: float) -> str | int | float | bool:
    number = round(raw(value, mapped, point, device.ct, device.pt), _DECIMALS)
    whole = int(number) if number.is_integer() else number
    form = mapped.write.form if mapped.write is not None else "number"
    if form == "number":
        return whole
    if form == "truth":
        return bool(whole)
    name = (mapped.values or {}).get(int(whole)) if isinstance(whole, int) else None
    if name is None:
        raise ValueError(f"{point}: {value:g} has no name")
    return name


def ordered(device: Device, topic: str, message: bytes) -> dict[str, float]:
    """What a message asks of a device, by point; nothing where it is none for it."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, float] = {}
    for point, mapped in device.model.points.items():
        if mapped.write is None or _topic(device, mapped.write) != topic:
            continue
        if any(_said(document, path) != (device.key if also == _KEY else also) for path, also in mapped.write.also.items()):
            continue
        said = _said(document, mapped.write.path)
        asked = None if said is None else number_of(said, mapped)
        if asked is not None:
            found[point] = engineering(asked, mapped, point, device.ct, device.pt)
    return found


def _said(document: object, path: str) -> object:
    return json_path.value(json_path.parse(path), document, document)
