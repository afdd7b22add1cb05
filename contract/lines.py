"""Settings of a Modbus line that only fit some framings, and how long its characters take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from contract.profile import Fault, Interval
from contract.yamlfile import Strict

if TYPE_CHECKING:
    from contract.site import Bus, Site


class LineSettings(Strict):
    """What a line of Modbus needs that is not like the others."""

    guard_ms: Annotated[float, Field(ge=0)] | None = None
    """Silence after an answer before the next request. By default 3.5 characters on rtu, 5 ms on rtu_over_tcp, none on tcp."""
    pause_after_connect_ms: Annotated[float, Field(ge=0, le=60_000)] = 0.0
    """Silence after connecting, for a device that is deaf until it has come to itself."""
    keep_alive: Interval | None = None
    """Seconds without a request after which one register is read, for a device that closes a connection that rests."""
    echo: bool = False
    """Whether the line hears its own requests, as a two-wire adapter without echo suppression does."""
    transaction_ids: Literal["checked", "ignored"] = "checked"
    """On tcp: `ignored` for a device that does not repeat them; a late answer is then told apart as on a serial line."""
    unit_ids: Literal["checked", "ignored"] = "checked"
    """On tcp: `ignored` for a device that answers with another unit id than it was asked by."""
    connections: Literal["one", "each"] = "one"
    """On tcp and rtu_over_tcp: `each` gives each device a connection of its own, so that none waits for another."""


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
