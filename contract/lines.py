"""Settings of a Modbus line that only fit some framings, and how long its characters take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from contract.profile import Fault

if TYPE_CHECKING:
    from contract.site import Bus, Site

_LAST_SLAVE = 247
"""248 to 255 are reserved on a serial line (MODBUS over Serial Line V1.02); on TCP a device may be called so."""
_SHORTEST_SILENCE = 0.00175
"""Seconds between two frames above 19 200 baud (the same, 2.5.1.1)."""
_NETWORK_GUARD = 0.005
"""Seconds; what a serial server does on its far side is not known here."""


def character(bus: Bus) -> float:
    """Seconds that a character takes on a serial line; 0 where the line is a network."""
    bits = 1 + 8 + (bus.parity != "N") + bus.stop_bits
    return bits / bus.baud if bus.framing == "rtu" else 0.0


def guard(bus: Bus) -> float:
    """Seconds of silence between two frames: what the site says, else 3.5 characters."""
    if bus.guard_ms is not None:
        return bus.guard_ms / 1000.0
    return {"rtu": max(3.5 * character(bus), _SHORTEST_SILENCE), "rtu_over_tcp": _NETWORK_GUARD, "tcp": 0.0}[bus.framing]


def misuses(site: Site) -> Iterator[Fault]:
    """Settings that a bus cannot have, and unit ids that its framing does not know."""
    for i, bus in enumerate(site.buses):
        kind = bus.framing if bus.protocol == "modbus" else bus.protocol
        for field in _unfitting(bus):
            yield Fault(("buses", i, field), f"expected none on {kind}: there is no such thing", getattr(bus, field))
    for i, device in enumerate(site.devices):
        bus = site.bus_by_id[device.bus]
        if bus.protocol == "modbus" and bus.framing != "tcp" and (device.unit_id or 0) > _LAST_SLAVE:
            yield Fault(("devices", i, "unit_id"), f"expected 1 to 247, since {bus.id} is a serial line", device.unit_id)


_OF_MODBUS = ("pause_after_connect_ms", "keep_alive", "echo", "transaction_ids", "unit_ids", "connections")


def _unfitting(bus: Bus) -> Iterator[str]:
    if bus.protocol != "modbus":
        fields = type(bus).model_fields
        yield from (field for field in _OF_MODBUS if getattr(bus, field) != fields[field].default)
        return
    if bus.echo and bus.framing == "tcp":
        yield "echo"
    if bus.framing != "tcp":
        yield from (field for field in ("transaction_ids", "unit_ids") if getattr(bus, field) == "ignored")
    if bus.connections == "each" and bus.framing == "rtu":
        yield "connections"
