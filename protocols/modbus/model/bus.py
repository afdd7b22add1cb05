"""A line of Modbus: how it is framed, and what it needs that is not like the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contract import site
from contract.profile import Interval
from protocols.buses import SerialBus

_SHORTEST_SILENCE = 0.00175
"""Seconds between two frames above 19 200 baud (MODBUS over Serial Line V1.02, 2.5.1.1)."""
_NETWORK_GUARD = 0.005
"""Seconds; what a serial server does on its far side is not known here."""
_MODBUS_ALONE = frozenset({"pause_after_connect_ms", "keep_alive", "echo", "transaction_ids", "unit_ids", "connections"})
"""Fields that no bus of another protocol may have; the others were always passed over."""


class Bus(SerialBus):
    """A line that one master owns: one request at a time."""

    takes_turns: ClassVar[bool] = True
    local: ClassVar[frozenset[str]] = SerialBus.local | {"framing", "echo"}

    protocol: Literal["modbus"]
    framing: Literal["tcp", "rtu_over_tcp", "rtu"] = "tcp"
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

    @classmethod
    def elsewhere(cls, field: str, given: object, protocol: str) -> tuple[str, object]:
        """What only Modbus knows is told; how a line is framed and set is passed over."""
        return super().elsewhere(field, given, protocol) if field in _MODBUS_ALONE else ("", given)

    @property
    def own_port(self) -> bool:
        """Whether it is a serial port of the gateway itself."""
        return self.framing == "rtu"

    @property
    def serial_line(self) -> bool:
        """Whether its slaves hang on a serial line."""
        return self.framing != "tcp"

    def about(self) -> str:
        """How it is framed, and where it ends."""
        return f"{self.framing}, {self.end()}"

    def guard(self) -> float:
        """Seconds of silence between two frames: what the site says, else 3.5 characters."""
        if self.guard_ms is not None:
            return self.guard_ms / 1000.0
        usual = {"rtu": max(3.5 * self.character(), _SHORTEST_SILENCE), "rtu_over_tcp": _NETWORK_GUARD, "tcp": 0.0}
        return usual[self.framing]

    def misuses(self) -> Iterator[tuple[str, str]]:
        """Settings that its framing does not know."""
        unfitting = ["echo"] if self.echo and self.framing == "tcp" else []
        if self.framing != "tcp":
            unfitting += [field for field in ("transaction_ids", "unit_ids") if getattr(self, field) == "ignored"]
        if self.connections == "each" and self.framing == "rtu":
            unfitting.append("connections")
        yield from ((field, f"expected none on {self.framing}: there is no such thing") for field in unfitting)

    def unplaced(self) -> str:
        """A serial line without a port."""
        return f"expected a serial_port, since the framing of {self.id} is rtu" if self.own_port and not self.serial_port else ""

    def shared_out(self, devices: Sequence[site.Device]) -> dict[str, Sequence[site.Device]]:
        """All devices on one connection, or each on its own."""
        if self.connections == "one":
            return super().shared_out(devices)
        return {f"{self.id}/{device.id}": [device] for device in devices}
