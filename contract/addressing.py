"""Where a bus ends, and where a device is found on it: two ways to write one place are one place."""

from __future__ import annotations

from typing import Literal, NamedTuple


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


class End(NamedTuple):
    """Where a line ends that can have one master; as text, for a person.

    Attributes:
        kind: A serial port of the gateway, a server that it connects to, or a port that it listens on.
        field: Of the bus in the site file, which says it.
        place: The serial port or the host as it is given; empty where nothing is given yet.
        port: Of the network, 0 for any free one; 0 for a serial port.
    """

    kind: Literal["serial", "connect", "listen"]
    field: str
    place: str
    port: int = 0

    def __str__(self) -> str:
        return self.place if self.kind == "serial" else f"{self.place}:{self.port}"

    @property
    def known(self) -> bool:
        """Whether it is a place that another bus could take."""
        return bool(self.place) if self.kind == "serial" else self.port != 0
