"""What the buses of several protocols have: an end in the network, or a serial line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contract.addressing import End, Unlike
from contract.host import Host
from contract.profile import Profile
from contract.site import Bus, Device
from contract.yamlfile import Strict

_SETTINGS = {"baud": "baud", "parity": "parity", "stop": "stop_bits"}
"""Of a profile's `serial`: each key and the bus's field for it."""


class Networked(Bus):
    """A bus whose far end, or whose listener, has a host and a port."""

    places: ClassVar[frozenset[str]] = frozenset({"host", "port"})
    local: ClassVar[frozenset[str]] = places

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 502


class SerialSettings(Strict):
    """How a device is set when it leaves its maker; what is absent, nobody knows."""

    baud: Annotated[int, Field(gt=0)] | None = None
    parity: Literal["N", "E", "O"] | None = None
    stop: Literal[1, 2] | None = None


class SerialProfile(Profile):
    """A model of devices that a serial line may reach."""

    serial: SerialSettings = SerialSettings()


class SerialBus(Networked):
    """A bus that is a serial port of the gateway, or is reached through a serial server or the network."""

    places: ClassVar[frozenset[str]] = frozenset({"host", "port", "serial_port"})
    local: ClassVar[frozenset[str]] = places

    serial_port: str = ""
    baud: Annotated[int, Field(gt=0)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1

    @property
    def own_port(self) -> bool:
        """Whether it is a serial port of the gateway itself, which the gateway sets."""
        return bool(self.serial_port)

    @property
    def serial_line(self) -> bool:
        """Whether its devices hang on a serial line, of the gateway or of a server."""
        return self.own_port

    def character(self) -> float:
        """Seconds that a character takes on the gateway's own serial line; 0 where the line is a network."""
        bits = 1 + 8 + (self.parity != "N") + self.stop_bits
        return bits / self.baud if self.own_port else 0.0

    def end(self) -> End:
        """The serial port, or what is connected to."""
        return End("serial", "serial_port", self.serial_port) if self.own_port else End("connect", "port", self.host, self.port)

    def unlike(self, devices: Sequence[Device]) -> Iterator[Unlike]:
        """Serial settings that differ from a profile's, each once, at the first device."""
        if not self.serial_line:
            return
        models = [(device, device.model) for device in devices]
        for key, field in _SETTINGS.items():
            asked = getattr(self, field)
            said = ((device, getattr(model.serial, key)) for device, model in models if isinstance(model, SerialProfile))
            yield from [Unlike(self, field, asked, device, value) for device, value in said if value not in {None, asked}][:1]
