"""What a device's address on its bus means: two ways to write one address are one address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from contract.jt808.phone import identity
from contract.message import filters, overlap, topic_fault

if TYPE_CHECKING:
    from contract.site import Bus, Device, Site


class Address(NamedTuple):
    """Where a device is found on its bus.

    Attributes:
        field: Of the device in the site file.
        given: As it stands there.
        meaning: What no other device of the bus may have; None where nothing stands.
        fault: Why nothing can be found there; empty where it can.
    """

    field: str
    given: int | str | None
    meaning: int | str | None
    fault: str = ""


def address(bus: Bus, device: Device) -> Address:
    """The address that the bus's protocol goes by."""
    match bus.protocol:
        case "modbus":
            return _unit(bus, device)
        case "mqtt":
            return _topic(device)
        case "jt808":
            return _phone(device)


def _unit(bus: Bus, device: Device) -> Address:
    everybody = device.unit_id == 0 and bus.framing != "tcp"
    fault = "expected 1 to 247: on a serial line everybody hears 0 and nobody answers" if everybody else ""
    return Address("unit_id", device.unit_id, device.unit_id, fault)


def _topic(device: Device) -> Address:
    """Whether a message may be two devices' is not seen at one of them, see `overheard`."""
    if not device.topic:
        return Address("topic", device.topic, None)
    fault = topic_fault(device.topic, device.model)
    if fault:
        return Address("topic", device.topic, device.id, fault)
    if device.model.identity is None and device.key:
        fault = "expected none, since its profile names no identity"
    elif device.model.identity is not None and not device.key.strip():
        fault = f"expected what stands at {device.model.identity!r} in this device's messages"
    return Address("key", device.key, device.id, fault)


def overheard(site: Site) -> Iterator[tuple[int, str, str]]:
    """(device, field, the other) of MQTT devices that would both take one message: a topic may be both's, and the key is the same.

    The devices' profiles must load.
    """
    literal: dict[tuple[str, str, str], Device] = {}
    wild: dict[tuple[str, str], list[tuple[str, Device]]] = {}
    for i, device in enumerate(site.devices):
        if device.model.protocol != "mqtt":
            continue
        who = (device.bus, device.key.strip())
        for topic in filters(device.topic, device.model):
            others = [other for known, other in wild.get(who, []) if overlap(known, topic)]
            if set(topic) & set("+#"):
                others += [other for (*whose, known), other in literal.items() if (*whose,) == who and overlap(topic, known)]
                wild.setdefault(who, []).append((topic, device))
            else:
                others.append(literal.setdefault((*who, topic), device))
            twice = next((other for other in others if other is not device), None)
            if twice is not None:
                yield i, "key" if device.key else "topic", twice.id
                break


def _phone(device: Device) -> Address:
    meaning = identity(device.phone)
    fault = "expected a phone other than zeros, which terminals without one send" if device.phone and not meaning else ""
    return Address("phone", device.phone, meaning if device.phone else None, fault)
