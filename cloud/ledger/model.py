"""Records of the ledger that more than one of its rooms, or another slice, speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Meter(NamedTuple):
    """A counting place of the ledger; the device and point that count it are None where somebody enters its months."""

    id: str
    name: dict[str, str]
    energy: str
    device: str | None
    point: str | None
    main: bool
    parent: str | None = None


class Registered(NamedTuple):
    """What the register says of a meter to whoever takes an amount of it, or a record about it.

    Attributes:
        group: District code.
        energy: What it counts.
        device: That counts it; None where somebody enters its months.
        point: Of the device.
        max_rate: Most in an hour, in the point's unit; None where nobody stated it.
    """

    group: str
    energy: str
    device: str | None
    point: str | None
    max_rate: float | None


@dataclass(frozen=True, slots=True)
class OfMeter:
    """The touched hours of one meter.

    Attributes:
        meter: Its id.
        energy: What it counts; None where the registry has no such meter.
        hours: How many wait.
        oldest: Begin of the oldest, ms since 1970 in UTC.
    """

    meter: str
    energy: str | None
    hours: int
    oldest: int
