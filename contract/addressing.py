"""What a device's address on its bus means: two ways to write one address are one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from contract.jt808.phone import identity

if TYPE_CHECKING:
    from contract.site import Bus, Device


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
            return Address("topic", device.topic, device.topic or None)
        case "jt808":
            return _phone(device)


def _unit(bus: Bus, device: Device) -> Address:
    everybody = device.unit_id == 0 and bus.framing != "tcp"
    fault = "expected 1 to 247: on a serial line everybody hears 0 and nobody answers" if everybody else ""
    return Address("unit_id", device.unit_id, device.unit_id, fault)


def _phone(device: Device) -> Address:
    meaning = identity(device.phone)
    fault = "expected a phone other than zeros, which terminals without one send" if device.phone and not meaning else ""
    return Address("phone", device.phone, meaning if device.phone else None, fault)
