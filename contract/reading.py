"""A reading, and the row that carries all readings of one poll of one device."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Quality(IntEnum):
    """How far a reading can be trusted; the numbers are OPC's, which Sparkplug took over (0, 192, 500)."""

    BAD = 0
    """Not read, or refused by the device; carries its reason and no usable value."""
    SUSPECT = 64
    """Read, but its time is doubtful; never enters the ledger by itself. Kept inside the cloud, never on the wire."""
    GOOD = 192
    STALE = 500
    """The link to the device is known to be lost."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one point.

    Attributes:
        device: Id, unique within its group.
        point: Name of the point, see `contract.point`.
        value: In the point's unit; None when the quality is not good and nothing was read.
        at: Time of measurement, ms since 1970 in UTC.
        quality: How far it can be trusted.
        reason: Why the quality is not good; empty otherwise.
    """

    device: str
    point: str
    value: float | None
    at: int
    quality: Quality = Quality.GOOD
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One device's readings of one poll: the unit that the outbox commits, sends and has acknowledged.

    Attributes:
        device: Id, unique within its group.
        at: Time of the poll's last answer, ms since 1970 in UTC; every reading of the row has it.
        values: Good values by point name.
        bad: Reason by point name, for what could not be read.
        texts: Strings by metric name, for messages that are no measurement (`Command/Result`).
        late: Whether it was old when the edge got it, and the device said so: it goes as historical from the start.
        taken: When the gateway took it over, ms by its clock, where `at` is the device's own time and may be judged by that.
    """

    device: str
    at: int
    values: dict[str, float] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    late: bool = False
    taken: int | None = None

    def readings(self) -> list[Reading]:
        """The row as single readings."""
        good = [Reading(self.device, point, value, self.at) for point, value in self.values.items()]
        return good + [Reading(self.device, point, None, self.at, Quality.BAD, why) for point, why in self.bad.items()]
